/** A run as Markdown: ratios first, as they hold on other machines too; then targets; then figures with their spread; then the rest. */
import { METRICS, type MetricName, type Sample } from '../metrics.ts';
import type { MicroRow } from '../micro/micro.ts';
import { microTables } from '../micro/report.ts';
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
  without,
} from './conditions.ts';
import { describeHost, describeVersions } from './host-lines.ts';
import { heading, list, printFigure, printRatio, printSpread, table } from './print.ts';
import { REFERENCE, type Report } from './report.ts';
import { type Verdict, verdictsOf } from './verdicts.ts';

interface TableOf {
  title: string;
  metrics: readonly MetricName[];
  /** Which samples take part, and under which conditions they are shown; left out: all, as they are. */
  view?: (sample: Sample) => Sample | null;
}

/** What is compared by ratio. */
const RATIOS: readonly TableOf[] = [
  { title: 'Throughput', metrics: ['ndr', 'pdr'] },
  { title: 'Overload', metrics: ['framesPerSecond', 'overloadFps', 'trunkToAccessFps', 'broadcastFps', 'meshFps'] },
  { title: 'Streams and requests', metrics: ['tcpBetter', 'tcpWorse', 'tcpSum', 'udpBps', 'requestsPerSecond'] },
  { title: 'Latency', metrics: ['latencyP50Us', 'latencyP99Us'] },
  { title: 'Ping', metrics: ['rttMedianUs'] },
  { title: 'Addresses', metrics: ['learningFps', 'addressCapacity'] },
];
/** CPU time stands beside every rate. */
const FIGURES: readonly TableOf[] = [
  { title: 'Throughput', metrics: ['ndr', 'pdr', 'pacedFps', 'cpuNsPerFrame'], view: costAtNdr },
  {
    title: 'Overload',
    metrics: ['framesPerSecond', 'lossPercent', 'cpuNsPerFrame', 'softirqNsPerFrame'],
    view: costAtOverload,
  },
  { title: 'With changes of the switch', metrics: ['apiP99Ms'] },
  { title: 'With swaps of a logic', metrics: ['lostFrames', 'exchangeMs', 'swapMs'] },
  { title: 'With a capture', metrics: ['captureRateRatio', 'captureCpuRatio', 'captureMissedPercent'] },
  { title: 'Recovery', metrics: ['overloadFps', 'cpuNsPerFrame', 'recoverySeconds'], view: costAboveNdr },
  { title: 'Latency', metrics: ['latencyP50Us', 'latencyP90Us', 'latencyP99Us', 'latencyP999Us', 'latencyMaxUs'] },
  {
    title: 'Streams and requests',
    metrics: ['tcpBetter', 'tcpWorse', 'tcpSum', 'udpBps', 'cpuNsPerKilobyte', 'requestsPerSecond', 'cpuNsPerRequest'],
  },
  { title: 'Ping', metrics: ['rttMedianUs'] },
  {
    title: 'VLANs, broadcasts and many hosts',
    metrics: [
      'trunkToAccessFps',
      'trunkCpuNsPerFrame',
      'broadcastFps',
      'broadcastCpuNsPerCopy',
      'meshFps',
      'meshCpuNsPerFrame',
    ],
  },
  { title: 'Addresses', metrics: ['learningFps', 'addressCapacity'] },
  { title: 'At rest', metrics: ['idleCpuPercent2', 'idleCpuPercent8', 'rssBytes8', 'rssBytes64', 'rssBytes256'] },
];

/** CPU time at the NDR stands under the conditions of the NDR, of which it is a part. */
function costAtNdr(sample: Sample): Sample | null {
  const { metric, at = {} } = sample;
  if (metric !== 'cpuNsPerFrame') return sample;
  return at.loadPercent === 100 ? { ...sample, at: without(at, 'loadPercent') } : null;
}

function costAtOverload(sample: Sample): Sample | null {
  return sample.at?.loadPercent === undefined ? sample : null;
}

/** The same above the NDR. */
function costAboveNdr(sample: Sample): Sample | null {
  return sample.metric !== 'cpuNsPerFrame' || Number(sample.at?.loadPercent) > 100 ? sample : null;
}

export function renderReport(report: Report): string {
  const groups = new Groups(report.samples);
  const sections = [
    renderHeading(report),
    ...renderTables(report, groups),
    list('Failed', report.failures, ({ subject, round, message }) => `${subject}, round ${round}: ${message}`),
    list('Skipped', report.skipped, ({ name, reason }) => `${name}: ${reason}`),
    list('Subjects, and what each was helped with', report.subjects, tellSubject),
    list('Environment', [...describeHost(report.environment), ...describeVersions(report.environment)], (line) => line),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/** Everything in it is a table: ratios, targets, figures. */
export function renderTables(report: Report, groups: Groups): string[] {
  return [
    section(`Ratios to ${REFERENCE}`, renderRatios(report, groups)),
    section('Targets', renderTargets(verdictsOf(groups))),
    section('Figures', renderFigures(report)),
    section('Micro-benchmarks', renderMicro(report.micro, groups, '###')),
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
  return renderParts(RATIOS, report, titleOf, (group) => {
    const reference = groups.find(REFERENCE, group.metric, group.at);
    return group.subject === REFERENCE ? '' : printSpread(ratioOfGroups(group, reference), printRatio);
  });
}

export function renderFigures(report: Report): string {
  return renderParts(FIGURES, report, heading, ({ metric, spread }) =>
    printSpread(spread, (value) => printFigure(metric, value)),
  );
}

type Head = (metric: MetricName) => string;
type CellOf = (group: Group) => string;

function renderParts(parts: readonly TableOf[], report: Report, head: Head, cell: CellOf): string {
  return parts
    .map((part) => renderPart(part, report, head, cell))
    .filter((text) => text !== '')
    .join('\n\n');
}

/** A row for each subject under each set of conditions; a column for each condition that varies and each metric measured. */
function renderPart({ title, metrics, view }: TableOf, report: Report, head: Head, cell: CellOf): string {
  const ofTable = report.samples.filter(({ metric }) => metrics.includes(metric));
  const groups = new Groups(view ? ofTable.map(view).filter((sample) => sample !== null) : ofTable);
  const told = groups.all.filter((group) => cell(group) !== '');
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
  const header = [...columns.map(headingOf), 'subject', ...shown.map(head)];
  return `### ${title}${shared === '' ? '' : ` (${shared})`}\n\n${table(header, rows)}`;
}

/** A ratio has no unit. */
function titleOf(metric: MetricName): string {
  return METRICS[metric].title;
}

function cellOf(group: Group | null, cell: CellOf): string {
  return group === null ? '' : cell(group);
}

export function renderTargets(verdicts: readonly Verdict[]): string {
  const judged = verdicts.filter(({ isMet }) => isMet !== null);
  const missing = verdicts.filter(({ isMet }) => isMet === null);
  if (judged.length === 0) return '';
  const rows = judged.map(({ what, bound, measured, isMet }) => [what, bound, measured, isMet ? 'met' : '**short**']);
  const tail =
    missing.length === 0
      ? ''
      : `\n\nNot measured in this run: ${missing.map(({ what, bound }) => `${what} (${bound})`).join('; ')}.`;
  return `${table(['', 'target', 'measured', ''], rows)}${tail}`;
}

/** @param level of the tables' headings, such as `###` */
export function renderMicro(rows: readonly MicroRow[], groups: Groups, level: string): string {
  const tables = microTables(rows, groups);
  return tables.map(({ title, header, rows: lines }) => `${level} ${title}\n\n${table(header, lines)}`).join('\n\n');
}

function tellSubject({ name, about, help }: Report['subjects'][number]): string {
  return `${name}: ${about}${help ? `; help: ${help}` : ''}`;
}
