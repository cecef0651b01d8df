/** A replay in words. */
import type { ReplayView } from '../control/replay/replayer.ts';
import type { Cli } from './cli.ts';
import { printable } from './output.ts';

type Difference = NonNullable<ReplayView['difference']>;

const ENDS: Readonly<Record<string, string>> = {
  count: 'the count was reached',
  seconds: 'the time was over',
  size: 'the size was reached',
  reader: 'nobody read any more',
  worker: 'a worker was replaced',
  daemon: 'the daemon ended',
  stopped: 'it was stopped',
};

export function renderReplay(cli: Cli, view: ReplayView): string {
  const { sides, ports, faults, difference } = view;
  const verdicts = [...new Set(sides.flatMap((side) => Object.keys(side.verdicts)))];
  return [
    overview(view),
    cli.table(
      ['VERDICT', ...sides.map(({ name }) => name.toUpperCase())],
      verdicts.map((verdict) => [verdict, ...sides.map((side) => side.verdicts[verdict] ?? 0)]),
    ),
    cli.table(
      ['PORT', 'RX', 'TX', 'DROPS'],
      ports.map(({ port, received, sent, drops }) => [port, received, sent, dropsText(drops)]),
    ),
    ...faults.slice(0, 1).map((fault) => `faults: ${faults.length}, the first: ${printable(fault.split('\n')[0]!)}`),
    difference ? differenceText(cli, view, difference) : `identical: ${sameText(view)}`,
  ].join('\n\n');
}

function overview({ file, version, workers, started, seconds, frames, batches, reason }: ReplayView): string {
  const who = workers === 1 ? 'one worker' : `${workers} workers, each by itself`;
  const why = reason === null ? 'it breaks off: who read it went away' : `it ended as ${ENDS[reason] ?? reason}`;
  return printable(
    `${file}: ${frames} frames in ${batches} batches, ${seconds.toFixed(3)} s from ${started}, ${who}, tswitch ${version}; ${why}`,
  );
}

function sameText({ sides, disturbed }: ReplayView): string {
  const left = disturbed === 0 ? '' : `, but for ${disturbed} frames during which others changed the MAC table`;
  const first = sides[0]!.name;
  const who = first === 'recorded' ? 'as recorded' : `as ${first} has it`;
  return `every verdict and every byte that left, ${who}${left}`;
}

function differenceText(cli: Cli, { different, frames, workers }: ReplayView, found: Difference): string {
  const { frame, seconds, port, length, summary, bytes, worker } = found;
  const where = workers === 1 ? '' : ` of worker ${worker}`;
  const what = frame === null ? 'what a logic sent of its own' : `frame ${frame}${where}`;
  const lines = [
    `different: ${different} of ${frames} frames; the first is ${what}, ${seconds.toFixed(6)} s from the beginning${port === null ? '' : `, port ${port}`}`,
  ];
  if (summary !== null) lines.push(`  ${summary}`, `  ${bytes}${bytes!.length / 2 < length ? '…' : ''}`);
  const [one, two] = found.sides;
  const isOnlyBytes = sentText(one) === sentText(two);
  const rows = found.sides.map((side) => {
    const { name, verdict, vlan, by } = side;
    const decided = verdict === null ? '-' : `${verdict} (VLAN ${vlan}, by ${by})`;
    return [name, decided, sentText(side), isOnlyBytes ? side.sent.map(({ digest }) => digest).join(' ') : ''];
  });
  lines.push(cli.table(['', 'VERDICT', 'LEFT BY', isOnlyBytes ? 'DIGEST' : ''], rows));
  return lines.map((line) => line.split('\n').map(printable).join('\n')).join('\n');
}

function sentText({ sent }: Difference['sides'][number]): string {
  const texts = sent.map(({ port, frames }) => (frames === 1 ? port : `${port} (${frames})`));
  return texts.join(' ') || 'none';
}

function dropsText(drops: Record<string, number>): string {
  const texts = Object.entries(drops).map(([reason, frames]) => `${reason} ${frames}`);
  return texts.join(', ') || '-';
}
