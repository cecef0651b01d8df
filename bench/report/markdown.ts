/** A run as Markdown: ratios first, as they hold on other machines too; then targets; then figures with their spread; then the rest. */
import type { MetricName } from '../metrics.ts';
import { TARGETS } from '../targets.ts';
import {
  common,
  distinct,
  type Group,
  Groups,
  headingOf,
  ratioOfGroups,
  tell,
  tellAll,
  varying,
} from './conditions.ts';
import { describeHost, describeVersions } from './host-lines.ts';
import { heading, list, printFigure, printRatio, printSpread, table } from './print.ts';
import { REFERENCE, type Report } from './report.ts';
import { judge, type Verdict } from './verdicts.ts';

interface TableOf {
  title: string;
  metrics: readonly MetricName[];
}

/** What is compared by ratio. */
const RATIOS: readonly TableOf[] = [
  { title: 'Frames', metrics: ['ndr', 'pdr', 'framesPerSecond', 'overloadFps', 'meshFps', 'learningFps'] },
  { title: 'Streams and requests', metrics: ['tcpBetter', 'tcpWorse', 'tcpSum', 'udpBps', 'requestsPerSecond'] },
  { title: 'Round trip and latency', metrics: ['rttMedianUs', 'latencyP50Us', 'latencyP99Us'] },
];
/** CPU time stands beside every rate. */
const FIGURES: readonly TableOf[] = [
  {
    title: 'Frames',
    metrics: [
      'ndr',
      'pdr',
      'framesPerSecond',
      'lossPercent',
      'overloadFps',
      'recoverySeconds',
      'cpuNsPerFrame',
      'softirqNsPerFrame',
    ],
  },
  { title: 'Latency', metrics: ['latencyP50Us', 'latencyP90Us', 'latencyP99Us', 'latencyP999Us', 'latencyMaxUs'] },
  { title: 'Streams and requests', metrics: ['tcpBetter', 'tcpWorse', 'tcpSum', 'udpBps', 'requestsPerSecond'] },
  { title: 'Ping', metrics: ['rttMedianUs'] },
  { title: 'Many ports and addresses', metrics: ['meshFps', 'learningFps', 'addressCapacity'] },
  { title: 'At rest', metrics: ['idleCpuPercent2', 'idleCpuPercent8', 'rssBytes8'] },
];
const MICRO: readonly MetricName[] = ['nsPerCall', 'nsPerFrame', 'heapBytesPerFrame'];

export function renderReport(report: Report): string {
  const groups = new Groups(report.samples);
  const sections = [
    renderHeading(report),
    ...renderTables(report, groups),
    list('Failed', report.failures, ({ subject, round, message }) => `${subject}, round ${round}: ${message}`),
    list('Skipped', report.skipped, ({ name, reason }) => `${name}: ${reason}`),
    list('Subjects, and what each was helped with', report.subjects, ({ name, about }) => `${name}: ${about}`),
    list('Environment', [...describeHost(report.environment), ...describeVersions(report.environment)], (line) => line),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/** Everything in it is a table: ratios, targets, figures. */
export function renderTables(report: Report, groups: Groups): string[] {
  return [
    section(`Ratios to ${REFERENCE}`, renderRatios(report, groups)),
    section('Targets', renderTargets(judge(groups, TARGETS))),
    section('Figures', renderFigures(report, groups)),
    section('Micro-benchmarks', renderMicro(groups)),
  ].filter((text) => text !== '');
}

function renderHeading({ settings, size }: Report): string {
  const how = `${settings.rounds} round${settings.rounds === 1 ? '' : 's'} of every subject in turn`;
  const smoke = size === 'smoke' ? ' **A smoke run: its figures mean nothing.**' : '';
  return `# tswitch bench\n\n${how}; each cell: median (lowest to highest). What the numbers do not say: bench/README.md.${smoke}`;
}

function section(title: string, content: string): string {
  return content === '' ? '' : `## ${title}\n\n${content}`;
}

export function renderRatios(report: Report, groups: Groups): string {
  return renderParts(RATIOS, report, groups, (group) => {
    const reference = groups.find(REFERENCE, group.metric, group.at);
    return group.subject === REFERENCE ? '' : printSpread(ratioOfGroups(group, reference), printRatio);
  });
}

export function renderFigures(report: Report, groups: Groups): string {
  return renderParts(FIGURES, report, groups, ({ metric, spread }) =>
    printSpread(spread, (value) => printFigure(metric, value)),
  );
}

function renderParts(
  parts: readonly TableOf[],
  report: Report,
  groups: Groups,
  cell: (group: Group) => string,
): string {
  return parts
    .map((part) => renderPart(part, report, groups, cell))
    .filter((text) => text !== '')
    .join('\n\n');
}

/** A row for each subject under each set of conditions; a column for each condition that varies and each metric measured. */
function renderPart(
  { title, metrics }: TableOf,
  report: Report,
  groups: Groups,
  cell: (group: Group) => string,
): string {
  const told = groups.of(...metrics).filter((group) => cell(group) !== '');
  const shown = metrics.filter((metric) => told.some((group) => group.metric === metric));
  const all = distinct(told.map(({ at }) => at));
  const columns = varying(all);
  const rows = all.flatMap((at) =>
    report.subjects.flatMap(({ name }) => {
      const cells = shown.map((metric) => cellOf(groups.find(name, metric, at), cell));
      const isEmpty = cells.every((text) => text === '');
      return isEmpty ? [] : [[...columns.map((column) => tell(column, at[column])), name, ...cells]];
    }),
  );
  if (rows.length === 0) return '';
  const shared = tellAll(common(all));
  const header = [...columns.map(headingOf), 'subject', ...shown.map(heading)];
  return `### ${title}${shared === '' ? '' : ` (${shared})`}\n\n${table(header, rows)}`;
}

function cellOf(group: Group | null, cell: (group: Group) => string): string {
  return group === null ? '' : cell(group);
}

export function renderTargets(verdicts: readonly Verdict[]): string {
  const judged = verdicts.filter(({ isMet }) => isMet !== null);
  const missing = verdicts.filter(({ isMet }) => isMet === null);
  if (judged.length === 0) return '';
  const rows = judged.map(({ what, bound, measured, isMet }) => [what, bound, measured, isMet ? 'met' : '**short**']);
  const tail =
    missing.length === 0 ? '' : `\n\nNot measured in this run: ${missing.map(({ what }) => what).join('; ')}.`;
  return `${table(['', 'target', 'measured', ''], rows)}${tail}`;
}

/** The micro-benchmarks name their rows themselves; the first of each metric is its reference. */
export function renderMicro(groups: Groups): string {
  const rows = MICRO.flatMap((metric) => {
    const all = groups.of(metric);
    const reference = all.length > 1 ? all[0]!.spread.median : 0;
    return all.map(({ subject, at, spread }) => {
      const figure = printSpread(spread, (value) => printFigure(metric, value));
      const ratio = reference > 0 ? printRatio(spread.median / reference) : '';
      return [[subject, tellAll(at)].filter((text) => text !== '').join(', '), heading(metric), figure, ratio];
    });
  });
  return rows.length === 0 ? '' : table(['', '', 'figure', 'to the first row'], rows);
}
