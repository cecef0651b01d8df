/** Whether targets are met. */
import type { Conditions, MetricName, Spread } from '../metrics.ts';
import { type Measure, NAMED_TARGETS, type Target, TARGETS } from '../targets.ts';
import { type Group, type Groups, holds, ratioOfGroups } from './conditions.ts';
import { printRatio, printSpread, printWithUnit } from './print.ts';

export interface Verdict {
  what: string;
  bound: string;
  /** Empty where it was not measured. */
  measured: string;
  /** Null where it was not measured. */
  isMet: boolean | null;
}

/** Of the table of targets; what takes part only where it is named is missed by nobody. */
export function verdictsOf(groups: Groups): Verdict[] {
  return [...judge(groups, TARGETS), ...judge(groups, NAMED_TARGETS).filter(({ isMet }) => isMet !== null)];
}

function judge(groups: Groups, targets: readonly Target[]): Verdict[] {
  return targets.map((target) => judgeOne(groups, target));
}

function judgeOne(groups: Groups, target: Target): Verdict {
  const { what, of, against, bound, value } = target;
  const print = against === null ? (figure: number) => printWithUnit(of.metric, figure) : printRatio;
  const beside = against?.subject === undefined ? '' : ` ${against.subject}`;
  const words = { what, bound: `${bound === 'atLeast' ? '≥' : '≤'} ${print(value)}${beside}` };
  const found = measure(groups, target);
  if (!found) return { ...words, measured: '', isMet: null };
  const { median } = found.spread;
  const name = of.subjects.length > 1 ? `${found.subject}: ` : '';
  const isMet = bound === 'atLeast' ? median >= value : median <= value;
  // What falls short by less than the last digit is shown with one more.
  const isHidden = !isMet && print(median) === print(value);
  const printMore = isHidden && against !== null ? (ratio: number) => `${ratio.toFixed(4)} ×` : print;
  return { ...words, measured: `${name}${printSpread(found.spread, printMore)}`, isMet };
}

function measure(groups: Groups, target: Target): { subject: string; spread: Spread } | null {
  const { of, against, bound } = target;
  const candidates = of.subjects.flatMap((subject) => pick(groups, subject, of.metric, of.at) ?? []);
  const sign = bound === 'atLeast' ? -1 : 1;
  const [best] = candidates.toSorted((a, b) => sign * (a.spread.median - b.spread.median));
  if (!best) return null;
  if (against === null) return { subject: best.subject, spread: best.spread };
  const other = pickOther(groups, best, against);
  const spread = ratioOfGroups(best, other);
  return spread && { subject: best.subject, spread };
}

/** Ratios to another subject are formed under the very same conditions; those to itself, under the ones that are said. */
function pickOther(groups: Groups, { subject, metric, at }: Group, against: Measure): Group | null {
  if (against.at === undefined) return groups.find(against.subject ?? subject, metric, at);
  return pick(groups, against.subject ?? subject, metric, { ...at, ...against.at });
}

/** The group under these conditions that has the fewest others beside them. */
function pick(groups: Groups, subject: string, metric: MetricName, at: Conditions): Group | null {
  const fitting = groups.of(metric).filter((group) => group.subject === subject && holds(group.at, at));
  return fitting.toSorted((a, b) => Object.keys(a.at).length - Object.keys(b.at).length)[0] ?? null;
}
