/** The plots made of bars. */
import { compareConditions, distinct, type Group, Groups, tellAll, without } from '../report/conditions.ts';
import { comparison } from '../report/findings.ts';
import { printFigure } from '../report/print.ts';
import { type Conditions, METRICS, type MetricName } from '../metrics.ts';
import type { Report } from '../report/report.ts';
import { type BarPanel, drawBars } from './bars.ts';
import type { Plot } from './plots.ts';
import { seriesAlong } from './series.ts';

/** The first that was measured is plotted. */
const RATES: readonly MetricName[] = ['ndr', 'pdr'];
const PANELS_MAX = 8;
const BARS = 'Bar: median of the rounds; whisker: lowest to highest round.';

export function plotThroughput(report: Report, groups: Groups): Plot | null {
  const metric = RATES.find((name) => groups.of(name).length > 0);
  return metric === undefined ? null : plotRate(report, groups, metric, 'throughput', 'carries');
}

export function plotOverload(report: Report, groups: Groups): Plot | null {
  return plotRate(report, groups, 'framesPerSecond', 'overload', 'delivers');
}

function plotRate(report: Report, groups: Groups, metric: MetricName, name: string, verb: string): Plot | null {
  const chosen = seriesAlong(groups, metric, 'frameBytes')?.groups ?? groups.of(metric);
  const [smallest = {}] = distinct(chosen.map(({ at }) => at));
  const { title } = METRICS[metric];
  const what = smallest.frameBytes === undefined ? 'Frames' : `${smallest.frameBytes}-byte frames`;
  const when = name === 'overload' ? ' at overload' : '';
  return plotBars(report, chosen, metric, {
    name,
    title: `${what}${when}: ${comparison(groups, metric, smallest, verb) ?? title}`,
    subtitle: `${capital(title)}, in thousands of frames per second; more is better. ${BARS}`,
  });
}

export function plotCpu(report: Report, groups: Groups): Plot | null {
  // At overload nobody waits for frames; at the NDR, who spins between two bursts has the time he spins in it.
  const atOverload = groups.of('cpuNsPerFrame').filter(({ at }) => at.loadPercent === undefined);
  const all = atOverload.length > 0 ? atOverload : groups.of('cpuNsPerFrame');
  const ofAll = new Groups(all.flatMap(({ samples }) => samples));
  const chosen = seriesAlong(ofAll, 'cpuNsPerFrame', 'frameBytes')?.groups ?? all;
  const [smallest = {}] = distinct(chosen.map(({ at }) => at));
  const finding = comparison(groups, 'cpuNsPerFrame', smallest, 'takes', 'less');
  return plotBars(report, chosen, 'cpuNsPerFrame', {
    name: 'cpu',
    title: `CPU time per frame: ${finding ?? 'by subject'}`,
    subtitle: `CPU time of all threads of the forwarding processes, per frame delivered at overload; less is better. For what the kernel forwards itself there is no such figure. ${BARS}`,
  });
}

export function plotTcp(report: Report, groups: Groups): Plot | null {
  const metrics: readonly MetricName[] = ['tcpBetter', 'tcpWorse', 'tcpSum'];
  const panels = metrics.flatMap((metric) => panelsOf(groups.of(metric), metric));
  const [first = {}] = distinct(groups.of('tcpBetter').map(({ at }) => at));
  return plotPanels(report, panels, 'tcpBetter', {
    name: 'tcp',
    title: `TCP: ${comparison(groups, 'tcpBetter', first, 'carries') ?? 'rate, by subject'}`,
    subtitle: `iperf3 with the offloads that the hosts have, MTU 1500; more is better. ${BARS}`,
  });
}

export function plotRoundTrip(report: Report, groups: Groups): Plot | null {
  const chosen = groups.of('rttMedianUs');
  const conditions = distinct(chosen.map(({ at }) => at));
  const finding = comparison(groups, 'rttMedianUs', conditions.at(-1) ?? {}, 'takes', 'less');
  return plotBars(report, chosen, 'rttMedianUs', {
    name: 'round-trip',
    title: `Ping: ${finding ?? 'round trip, by subject'}`,
    subtitle: `Median round trip of ping through an otherwise idle switch; less is better. ${BARS}`,
  });
}

type Words = Pick<Plot, 'name' | 'title' | 'subtitle'>;

function plotBars(report: Report, chosen: readonly Group[], metric: MetricName, words: Words): Plot | null {
  return plotPanels(report, panelsOf(chosen, metric), metric, words);
}

function plotPanels(report: Report, panels: readonly BarPanel[], metric: MetricName, words: Words): Plot | null {
  const subjects = report.subjects
    .map(({ name }) => name)
    .filter((name) => panels.some(({ spreads }) => spreads.has(name)));
  if (subjects.length === 0) return null;
  const drawing = drawBars({
    subjects,
    panels: panels.slice(0, PANELS_MAX),
    axisTitle: METRICS[metric].unit,
    print: (value) => printFigure(metric, value),
    unitScale: METRICS[metric].scale,
  });
  return { ...words, drawing };
}

/** A panel for each set of conditions. */
function panelsOf(chosen: readonly Group[], metric: MetricName): BarPanel[] {
  const all = distinct(chosen.map(({ at }) => at)).toSorted(compareConditions);
  return all.map((at) => ({
    heading: headingOf(metric, at),
    spreads: new Map(chosen.filter((group) => sameAs(group.at, at)).map(({ subject, spread }) => [subject, spread])),
  }));
}

function sameAs(a: Conditions, b: Conditions): boolean {
  return compareConditions(a, b) === 0;
}

function headingOf(metric: MetricName, at: Conditions): string {
  // `both directions` is in the title of tcpSum already.
  const told = tellAll(metric === 'tcpSum' ? without(at, 'direction') : at);
  if (metric.startsWith('tcp')) return [METRICS[metric].title, told].filter((part) => part !== '').join(', ');
  return told === '' ? METRICS[metric].title : told;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
