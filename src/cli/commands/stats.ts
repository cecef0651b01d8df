/** stats: what the switch counted. */
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { PortStats, StatsView } from '../../control/model.ts';
import { Cli, examples } from '../cli.ts';
import type { Cell } from '../output.ts';

const WATCH_MS = 1000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

/** Counters with the moment they were read, in seconds on a monotonic clock. */
interface Reading {
  stats: StatsView;
  seconds: number;
}

export function addStatsCommand(program: Command): void {
  const stats = program
    .command('stats')
    .description('show the counters of the switch and its ports')
    .option('--watch', 'again every second, with rates; with --json one document per line');
  stats.action(async (options: { watch?: boolean }) => {
    const cli = new Cli(stats);
    if (options.watch) return watch(cli);
    const answer = await cli.client.get<StatsView>('/v1/stats');
    cli.show(answer, (view) => renderStats(cli, { stats: view, seconds: 0 }));
  });
  examples(stats, ['stats', 'stats --watch']);
}

/** Until the user ends it, or the daemon does. */
async function watch(cli: Cli): Promise<never> {
  let before: Reading | undefined;
  for (;;) {
    const answer = await cli.client.get<StatsView>('/v1/stats');
    const now = { stats: answer.body, seconds: performance.now() / 1000 };
    const clear = !cli.json && process.stdout.isTTY ? CLEAR_SCREEN : '';
    cli.show(answer, () => `${clear}${renderStats(cli, now, before)}\n`);
    before = now;
    await setTimeout(WATCH_MS);
  }
}

function renderStats(cli: Cli, now: Reading, before?: Reading): string {
  const { totals, ports, workers } = now.stats;
  const heads = ['PORT', 'RX FRAMES', 'RX BYTES', 'RX LOST', 'TX FRAMES', 'TX BYTES', 'TX DROPS', 'DROPS'];
  const rows = Object.entries(ports).map(([name, port]): Cell[] => [
    name,
    port.rx.frames,
    port.rx.bytes,
    port.rx.drops,
    port.tx.frames,
    port.tx.bytes,
    port.tx.drops,
    sum(Object.values(port.drops)),
    ...(before ? rates(port, before.stats.ports[name], now.seconds - before.seconds) : []),
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
    ['workers', workers.map(({ worker, state, restarts }) => `${worker} ${state}, ${restarts} restarts`).join('; ')],
  ]);
  const table = cli.table(before ? [...heads, 'RX/s', 'TX/s', 'RX Mbit/s', 'TX Mbit/s'] : heads, rows);
  return rows.length > 0 ? `${totalsLine}\n\n${table}` : totalsLine;
}

/** Frames and Mbit per second since the reading before; a port that was not there then has none yet. */
function rates(port: PortStats, before: PortStats | undefined, seconds: number): Cell[] {
  if (!before) return ['', '', '', ''];
  const perSecond = (now: number, then: number, unit: number): number => Math.round((now - then) / seconds / unit);
  const bytesPerMbit = 1e6 / 8;
  return [
    perSecond(port.rx.frames, before.rx.frames, 1),
    perSecond(port.tx.frames, before.tx.frames, 1),
    perSecond(port.rx.bytes, before.rx.bytes, bytesPerMbit),
    perSecond(port.tx.bytes, before.tx.bytes, bytesPerMbit),
  ];
}

function sum(counts: number[]): number {
  return counts.reduce((total, frames) => total + frames, 0);
}
