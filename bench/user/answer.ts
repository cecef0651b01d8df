/** The page that `tswitch bench` prints. */
import { formatTable, printable, type Cell } from '../../src/cli/output.ts';
import type { Conditions, MetricName, Spread } from '../metrics.ts';
import { Groups, ratioOfGroups } from '../report/conditions.ts';
import { nameOf } from '../report/findings.ts';
import { printFigure, printSpread } from '../report/print.ts';
import type { Report } from '../report/report.ts';
import { FRAMES, PINGS, STREAMS } from './plan.ts';

interface Column {
  head: string;
  metric: MetricName;
  at: Conditions;
}

const COLUMNS: readonly Column[] = [
  { head: '64-BYTE FRAMES, k/s', metric: 'framesPerSecond', at: FRAMES },
  { head: 'CPU PER FRAME, ns', metric: 'cpuNsPerFrame', at: FRAMES },
  { head: 'TCP, Gbit/s', metric: 'tcpBetter', at: STREAMS },
  { head: 'OTHER WAY', metric: 'tcpWorse', at: STREAMS },
  { head: 'PING, µs', metric: 'rttMedianUs', at: PINGS },
];

/** @param colour whether the heads may be bold */
export function renderAnswer(report: Report, colour = false): string {
  const groups = new Groups(report.samples);
  const { environment, settings, subjects, skipped, failures } = report;
  const rows = subjects.map(({ name }): Cell[] => [
    name,
    ...COLUMNS.map(({ metric, at }) => {
      const spread = groups.find(name, metric, at)?.spread ?? null;
      return printSpread(spread, (value) => printFigure(metric, value)).replace(' to ', '–');
    }),
  ]);
  const { tswitch, cpu, cores, kernel, node, loadBefore } = environment;
  const sections = [
    `tswitch ${tswitch} on this host: ${cpu}, ${cores} processors, Linux ${kernel}, Node ${node}`,
    formatTable(['', ...COLUMNS.map(({ head }) => head)], rows, colour),
    describeRatios(groups, subjects[0]?.name ?? ''),
    [
      ...subjects.slice(0, 1).map(({ name, about }) => `${name}: ${about}.`),
      settings.rounds === 1
        ? 'One round: no spread is known.'
        : `Median of ${settings.rounds} rounds (lowest–highest).`,
      'Frames: as many as one processor sends. CPU: of all threads of the switch; the kernel accounts none to its bridge.',
      ...(loadBefore > BUSY
        ? [`The host was busy before (load ${loadBefore.toFixed(1)}): the figures are too low.`]
        : []),
      ...subjects.flatMap(({ name, help }) => (help ? [`Help for ${name}: ${help}.`] : [])),
      ...skipped.map(({ name, reason }) => `Not compared: ${name}: ${reason}.`),
      ...failures.map(({ subject, round, message }) => `Failed: ${subject}, round ${round}: ${message}`),
    ]
      .map(printable)
      .join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

const BUSY = 0.5;

/** What a ratio to another subject is of. */
const WORDS: Partial<Record<MetricName, string>> = {
  framesPerSecond: 'frames',
  cpuNsPerFrame: 'CPU time',
  tcpBetter: 'TCP',
  rttMedianUs: 'ping time',
};

/** tswitch as so many times each other subject. */
function describeRatios(groups: Groups, ours: string): string {
  const peers = [...new Set(groups.all.map(({ subject }) => subject))].filter((name) => name !== ours);
  const lines = peers.flatMap((peer) => {
    const parts = COLUMNS.flatMap(({ metric, at }) => {
      const word = WORDS[metric];
      const ratio = ratioOfGroups(groups.find(ours, metric, at), groups.find(peer, metric, at));
      return ratio === null || word === undefined ? [] : [`${word} ${ratioText(ratio)}`];
    });
    return parts.length === 0 ? [] : [`  to ${nameOf(peer)}: ${parts.join(', ')}`];
  });
  return lines.length === 0 ? '' : [`${ours}, as a ratio (of frames and TCP more is better)`, ...lines].join('\n');
}

function ratioText({ median }: Spread): string {
  return `${median.toFixed(median >= 10 ? 0 : 2)} ×`;
}
