/** Latency by percentile, idle and under load. */
import { type Conditions, conditionsKey, type Distribution, type MetricName } from '../metrics.ts';
import { compareConditions, distinct, type Groups, tellAll } from '../report/conditions.ts';
import { comparison } from '../report/findings.ts';
import { printWithUnit } from '../report/print.ts';
import type { Report } from '../report/report.ts';
import type { Line } from './lines.ts';
import { curveOf, drawPercentiles, rarity } from './percentiles.ts';
import type { Plot } from './plots.ts';

const PERCENTILES: readonly (readonly [MetricName, number])[] = [
  ['latencyP50Us', 50],
  ['latencyP90Us', 90],
  ['latencyP99Us', 99],
  ['latencyP999Us', 99.9],
];
const PANELS_MAX = 4;

export function plotLatency(report: Report, groups: Groups): Plot | null {
  const conditions = distinct([
    ...report.distributions.map(({ at }) => at),
    ...groups.of(...PERCENTILES.map(([metric]) => metric)).map(({ at }) => at),
  ]).toSorted(compareConditions);
  const panels = conditions.flatMap((at) => {
    const lines = report.subjects.flatMap(({ name }) => lineOf(report, groups, name, at));
    return lines.length === 0 ? [] : [{ heading: tellAll(at) || 'all frames', lines }];
  });
  if (panels.length === 0) return null;
  return {
    name: 'latency',
    title: findingOf(groups, conditions),
    subtitle:
      'One-way latency by percentile: at 99 %, one frame in a hundred takes longer. Both axes are logarithmic; low and flat is better. All rounds together.',
    drawing: drawPercentiles(panels.slice(0, PANELS_MAX)),
  };
}

/** From the whole distribution where it was kept, else from the percentiles that were. */
function lineOf(report: Report, groups: Groups, subject: string, at: Conditions): Line[] {
  const kept = report.distributions.filter(
    (one: Distribution) => one.subject === subject && conditionsKey(one.at) === conditionsKey(at),
  );
  const points =
    kept.length > 0
      ? curveOf(kept)
      : PERCENTILES.flatMap(([metric, percentile]) => {
          const group = groups.find(subject, metric, at);
          return group === null ? [] : [{ x: rarity(percentile), y: group.spread }];
        });
  return points.length === 0 ? [] : [{ subject, points }];
}

/** At half the load, if that was measured. */
function findingOf(groups: Groups, conditions: readonly Conditions[]): string {
  const at = conditions.find(({ loadPercent }) => loadPercent === 50) ?? conditions.at(-1) ?? {};
  const told = tellAll(at);
  const when = told === '' ? '' : `${told}: `;
  const ours = groups.of('latencyP99Us').filter((group) => conditionsKey(group.at) === conditionsKey(at));
  const [best] = ours
    .filter(({ subject }) => subject.startsWith('tswitch'))
    .toSorted((a, b) => a.spread.median - b.spread.median);
  if (!best) return `${when}latency by percentile`;
  const figure = `99 % of frames take ${best.subject} no more than ${printWithUnit('latencyP99Us', best.spread.median)}`;
  const beside = comparison(groups, 'latencyP99Us', at, 'takes', 'less')?.replace(`${best.subject} takes `, '');
  return `${when}${figure}${beside === undefined ? '' : `; that is ${beside}`}`;
}
