/** Two results side by side: what moved beyond the noise. */
import { type Conditions, METRICS, type MetricName, type Spread, spreadOf } from '../metrics.ts';
import { isMoreBetter } from './better.ts';
import { type Group, Groups } from './conditions.ts';
import { REFERENCE, type Report } from './report.ts';

/** With fewer rounds nothing is said. */
export const ROUNDS_MIN = 3;
/** Of the median. Less than this is of no interest, however steady it is. */
export const CHANGE_MIN = 0.03;
export const RULE =
  `Moved: all rounds of one result lie above all rounds of the other, with at least ${ROUNDS_MIN} rounds each, and the ` +
  `medians differ by at least ${CHANGE_MIN * 100} %. By chance alone, one row in ten does so with 3 rounds, one in 126 ` +
  `with 5. Where both results have ${REFERENCE}, ratios to it are compared: they leave out how fast the machine was.`;

export interface Movement {
  subject: string;
  metric: MetricName;
  at: Conditions;
  /** Whether the spreads are of ratios to the reference, formed within rounds. */
  isRatio: boolean;
  before: Spread;
  after: Spread;
  /** Of the medians, as a part of the one before; null where that is 0. */
  change: number | null;
  verdict: 'better' | 'worse' | 'within the noise' | 'too few rounds';
}

/** What both results have, in the order of the first. */
export function compareResults(before: Report, after: Report): Movement[] {
  const [first, second] = [new Groups(before.samples), new Groups(after.samples)];
  return first.all.flatMap((a) => {
    const b = second.find(a.subject, a.metric, a.at);
    return b === null ? [] : [compareGroups(first, a, second, b)];
  });
}

function compareGroups(first: Groups, a: Group, second: Groups, b: Group): Movement {
  const [ratiosBefore, ratiosAfter] = [ratiosOf(first, a), ratiosOf(second, b)];
  const isRatio = ratiosBefore.length >= ROUNDS_MIN && ratiosAfter.length >= ROUNDS_MIN;
  const values = isRatio ? { before: ratiosBefore, after: ratiosAfter } : { before: valuesOf(a), after: valuesOf(b) };
  const [spreadBefore, spreadAfter] = [spreadOf(values.before), spreadOf(values.after)];
  const change = spreadBefore.median === 0 ? null : spreadAfter.median / spreadBefore.median - 1;
  return {
    subject: a.subject,
    metric: a.metric,
    at: a.at,
    isRatio,
    before: spreadBefore,
    after: spreadAfter,
    change,
    verdict: judge(a.metric, values.before, values.after),
  };
}

function judge(metric: MetricName, before: readonly number[], after: readonly number[]): Movement['verdict'] {
  if (before.length < ROUNDS_MIN || after.length < ROUNDS_MIN) return 'too few rounds';
  const [a, b] = [spreadOf(before), spreadOf(after)];
  const isUp = b.min > a.max;
  const isApart = isUp || b.max < a.min;
  if (!isApart || Math.abs(b.median - a.median) < CHANGE_MIN * Math.abs(a.median)) return 'within the noise';
  return isUp === isMoreBetter(metric) ? 'better' : 'worse';
}

/** To the reference, within each round that has both; none for the reference itself. */
function ratiosOf(groups: Groups, group: Group): number[] {
  const reference = group.subject === REFERENCE ? null : groups.find(REFERENCE, group.metric, group.at);
  return group.samples.flatMap(({ round, value }) => {
    const other = reference?.samples.find((sample) => sample.round === round);
    return other && other.value > 0 ? [value / other.value] : [];
  });
}

function valuesOf({ samples }: Group): number[] {
  return samples.map(({ value }) => value);
}

/** What is different about the two runs beside the figures, a line each. */
export function differences(before: Report, after: Report): string[] {
  const facts = (report: Report): Record<string, string> => {
    const { kernel, cpu, cores, node, tswitch, commit, modified, mitigations, versions } = report.environment;
    return {
      size: report.size,
      rounds: String(report.settings.rounds),
      kernel,
      cpu,
      cores: String(cores),
      node,
      tswitch,
      commit: `${commit ?? 'none'}${modified ? ' with changes' : ''}`,
      ...prefixed('mitigation of ', mitigations),
      ...versions,
    };
  };
  const [a, b] = [facts(before), facts(after)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => a[name] !== b[name])
    .map((name) => `${name}: ${a[name] ?? 'unknown'} -> ${b[name] ?? 'unknown'}`);
}

function prefixed(prefix: string, record: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** What only one of the two has. */
export function unmatched(before: Report, after: Report): { onlyBefore: number; onlyAfter: number } {
  const [first, second] = [new Groups(before.samples), new Groups(after.samples)];
  const missing = (from: Groups, into: Groups): number =>
    from.all.filter(({ subject, metric, at }) => into.find(subject, metric, at) === null).length;
  return { onlyBefore: missing(first, second), onlyAfter: missing(second, first) };
}

export function unitOf({ metric, isRatio }: Movement): string {
  return isRatio ? `× ${REFERENCE}` : METRICS[metric].unit;
}
