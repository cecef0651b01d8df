/** A run as Markdown: ratios first, as they hold on other machines too; then figures with their spread; then the rest. */
import type { Environment } from './environment.ts';
import {
  type Failure,
  type MetricName,
  METRICS,
  ratioOf,
  type Sample,
  type Spread,
  spreadOfMetric,
} from './metrics.ts';
import type { MicroRow } from './micro/micro.ts';
import { microTables } from './micro/report.ts';
import type { Settings } from './settings.ts';
import { type Target, TARGETS } from './targets.ts';

export interface Report {
  environment: Environment;
  size: string;
  settings: Settings;
  /** Name and description of each subject, in the order of the tables. */
  subjects: { name: string; about: string }[];
  /** What was asked for and could not run, with the reason. */
  skipped: { name: string; reason: string }[];
  samples: Sample[];
  micro: MicroRow[];
  failures: Failure[];
}

/** The subject that ratios are formed with. */
export const REFERENCE = 'linux-bridge';
const RATIO_METRICS: MetricName[] = ['framesPerSecond', 'tcpBetter', 'tcpWorse', 'rttMedianUs'];
const FIGURE_METRICS: MetricName[] = [
  'framesPerSecond',
  'lossPercent',
  'cpuNsPerFrame',
  'tcpBetter',
  'tcpWorse',
  'rttMedianUs',
];
const FOOTPRINT_METRICS: MetricName[] = ['idleCpuPercent2', 'idleCpuPercent8', 'rssBytes8'];

export function renderReport(report: Report): string {
  const sections = [
    renderHeading(report),
    renderTable(report, `Ratios to ${REFERENCE}`, RATIO_METRICS, (subject, metric) =>
      renderSpread(ratioOf(report.samples, subject, REFERENCE, metric), (ratio) => `${ratio.toFixed(2)} ×`),
    ),
    renderTargets(report.samples),
    renderTable(report, 'Figures', FIGURE_METRICS, (subject, metric) => renderFigure(report.samples, subject, metric)),
    renderTable(report, 'At rest', FOOTPRINT_METRICS, (subject, metric) =>
      renderFigure(report.samples, subject, metric),
    ),
    renderMicro(report.micro),
    renderList('Failed', report.failures, ({ subject, round, message }) => `${subject}, round ${round}: ${message}`),
    renderList('Skipped', report.skipped, ({ name, reason }) => `${name}: ${reason}`),
    renderList('Subjects', report.subjects, ({ name, about }) => `${name}: ${about}`),
    renderEnvironment(report.environment),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function renderHeading({ settings, size }: Report): string {
  const how = `${settings.rounds} round${settings.rounds === 1 ? '' : 's'} of every subject in turn`;
  const smoke = size === 'smoke' ? ' **A smoke run: its figures mean nothing.**' : '';
  return `# tswitch bench\n\n${how}; each cell: median (lowest to highest). What the numbers do not say: bench/README.md.${smoke}`;
}

function renderTable(
  { subjects }: Report,
  title: string,
  metrics: readonly MetricName[],
  cell: (subject: string, metric: MetricName) => string,
): string {
  const rows = subjects.map(({ name }) => [name, ...metrics.map((metric) => cell(name, metric))]);
  const told = rows.filter((row) => row.slice(1).some((text) => text !== ''));
  return told.length === 0 ? '' : `## ${title}\n\n${table(['', ...metrics.map(heading)], told)}`;
}

function renderTargets(samples: readonly Sample[]): string {
  const rows = TARGETS.map((target) => renderTarget(samples, target)).filter((row) => row !== null);
  return rows.length === 0 ? '' : `## Targets\n\n${table(['', 'target', 'measured', ''], rows)}`;
}

function renderTarget(samples: readonly Sample[], target: Target): string[] | null {
  const { subject, metric, against, bound, value } = target;
  const { title, unit, scale, digits } = METRICS[metric];
  const measured = against ? ratioOf(samples, subject, against, metric) : spreadOfMetric(samples, subject, metric);
  if (!measured) return null;
  const print = (figure: number): string =>
    against ? `${figure.toFixed(2)} ×` : `${(figure / scale).toFixed(digits)} ${unit}`;
  const isMet = bound === 'atLeast' ? measured.median >= value : measured.median <= value;
  const sign = bound === 'atLeast' ? '≥' : '≤';
  const what = `${subject}: ${title}`;
  return [
    what,
    `${sign} ${print(value)}${against ? ` ${against}` : ''}`,
    renderSpread(measured, print),
    isMet ? 'met' : '**short**',
  ];
}

function renderMicro(rows: readonly MicroRow[]): string {
  const tables = microTables(rows).map(({ title, header, rows: lines }) => `### ${title}\n\n${table(header, lines)}`);
  return tables.length === 0 ? '' : `## Micro-benchmarks\n\n${tables.join('\n\n')}`;
}

function renderFigure(samples: readonly Sample[], subject: string, metric: MetricName): string {
  const { scale, digits } = METRICS[metric];
  return renderSpread(spreadOfMetric(samples, subject, metric), (value) => (value / scale).toFixed(digits));
}

function renderSpread(spread: Spread | null, print: (value: number) => string): string {
  if (!spread) return '';
  const { median, min, max } = spread;
  return min === max ? print(median) : `${print(median)} (${print(min)} to ${print(max)})`;
}

function renderList<T>(title: string, items: readonly T[], line: (item: T) => string): string {
  return items.length === 0 ? '' : `## ${title}\n\n${items.map((item) => `- ${line(item)}`).join('\n')}`;
}

function renderEnvironment(environment: Environment): string {
  const { cpu, cores, kernel, node, tswitch, commit, modified, openVswitch, mitigations, loadBefore } = environment;
  const lines = [
    `${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}, load ${loadBefore.toFixed(2)} before the run`,
    `tswitch ${tswitch}, commit ${commit ?? 'none'}${modified ? ' with changes' : ''}`,
    ...(openVswitch === null ? [] : [openVswitch]),
    `mitigations: ${
      Object.entries(mitigations)
        .map(([name, state]) => `${name}: ${state}`)
        .join('; ') || 'none'
    }`,
  ];
  return renderList('Environment', lines, (line) => line);
}

function heading(metric: MetricName): string {
  const { title, unit } = METRICS[metric];
  return `${title}, ${unit}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, k) => Math.max(3, ...[header, ...rows].map((row) => row[k]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((text, k) => text.padEnd(widths[k]!)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
