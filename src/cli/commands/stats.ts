/** stats: what the switch counted. */
import type { Command } from 'commander';
import type { PortStats, StatsView } from '../../control/model.ts';
import { Cli, examples } from '../cli.ts';
import type { Cell } from '../output.ts';
import { showOrWatch, type Watch, watchOption } from '../watch.ts';

const RATE_HEADS = ['RX/s', 'TX/s', 'RX Mbit/s', 'TX Mbit/s', 'DROPS/s'];

/** Counters with the moment they were read, in seconds on a monotonic clock. */
interface Reading {
  stats: StatsView;
  seconds: number;
}

export function addStatsCommand(program: Command): void {
  const stats = program
    .command('stats')
    .description('show the counters of the switch and its ports; with --watch also how much there is per second')
    .addOption(watchOption());
  stats.action(async ({ watch: every }: { watch?: Watch }) => {
    const cli = new Cli(stats);
    let before: Reading | undefined;
    await showOrWatch(cli, every, async () => {
      const { body, text } = await cli.client.get<StatsView>('/v1/stats');
      const now = { stats: body, seconds: performance.now() / 1000 };
      // The first view has the columns for rates already, so that the second does not move.
      const since = every === undefined ? undefined : (before ?? now);
      const shot = { text: renderStats(cli, now, since), json: text };
      before = now;
      return shot;
    });
  });
  examples(stats, ['stats', 'stats --watch', 'stats --watch 10 --json | jq .totals']);
}

function renderStats(cli: Cli, now: Reading, before?: Reading): string {
  const { totals, ports, logics, workers } = now.stats;
  const heads = ['RX FRAMES', 'RX BYTES', 'RX LOST', 'TX FRAMES', 'TX BYTES', 'TX DROPS', 'DROPS'];
  const rows = Object.entries(ports).map(([name, port]): Cell[] => [
    name,
    // First, where they are seen on a narrow terminal too: they are why one watches.
    ...(before ? rates(port, before.stats.ports[name], now.seconds - before.seconds) : []),
    port.rx.frames,
    port.rx.bytes,
    port.rx.drops,
    port.tx.frames,
    port.tx.bytes,
    port.tx.drops,
    dropsOf(port),
  ]);
  const totalsLine = cli.fields([
    [
      'received',
      `${totals.rx} frames: ${totals.forwarded} forwarded, ${totals.flooded} flooded, ${totals.dropped} dropped`,
    ],
    [
      'sent',
      `${totals.tx} frames; ${totals.txDropped} more dropped at their egress port; ${totals.floodCopies} flood copies in both`,
    ],
    ...Object.entries(logics).map(([name, logic]): [string, string] => [`logic ${name}`, logicLine(logic)]),
    ['workers', workers.map(({ worker, state, restarts }) => `${worker} ${state}, ${restarts} restarts`).join('; ')],
  ]);
  const table = cli.table(['PORT', ...(before ? RATE_HEADS : []), ...heads], rows);
  return rows.length > 0 ? `${totalsLine}\n\n${table}` : totalsLine;
}

function logicLine({ frames, decided, drops, counters }: StatsView['logics'][string]): string {
  const own = [...Object.entries(drops), ...Object.entries(counters)].map(([name, count]) => `${name} ${count}`);
  return [`${frames} frames, ${decided} decided`, ...own].join('; ');
}

/** Since the reading before, per second; a port that was not there then has none yet. Drops are of both directions. */
function rates(port: PortStats, before: PortStats | undefined, seconds: number): Cell[] {
  if (!before || seconds === 0) return RATE_HEADS.map(() => '');
  const perSecond = (now: number, then: number, unit: number): number => Math.round((now - then) / seconds / unit);
  const bytesPerMbit = 1e6 / 8;
  return [
    perSecond(port.rx.frames, before.rx.frames, 1),
    perSecond(port.tx.frames, before.tx.frames, 1),
    perSecond(port.rx.bytes, before.rx.bytes, bytesPerMbit),
    perSecond(port.tx.bytes, before.tx.bytes, bytesPerMbit),
    perSecond(dropsOf(port), dropsOf(before), 1),
  ];
}

/** Frames dropped for a reason of the switch, on their way in or out. */
function dropsOf(port: PortStats): number {
  return Object.values(port.drops).reduce((total, frames) => total + frames, 0);
}
