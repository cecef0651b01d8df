/** Which samples of a run make a plot: those that differ in one condition and in nothing else. */
import { type ConditionName, type Conditions, conditionsKey, type MetricName } from '../metrics.ts';
import { distinct, type Group, type Groups, without } from '../report/conditions.ts';

export interface Series {
  metric: MetricName;
  /** The condition that varies. */
  along: ConditionName;
  /** The others. */
  base: Conditions;
  groups: readonly Group[];
}

/**
 * The samples of a metric that vary along a condition, the others being equal. Where there are several such sets, the one
 * with most values; null where there is none.
 */
export function seriesAlong(groups: Groups, metric: MetricName, along: ConditionName): Series | null {
  return allSeriesAlong(groups, metric, along)[0] ?? null;
}

/** The same, all of them, the one with most values first. */
export function allSeriesAlong(groups: Groups, metric: MetricName, along: ConditionName): Series[] {
  const byBase = new Map<string, Group[]>();
  for (const group of groups.of(metric)) {
    if (group.at[along] === undefined) continue;
    const key = conditionsKey(without(group.at, along));
    byBase.set(key, [...(byBase.get(key) ?? []), group]);
  }
  return Array.from(byBase.values(), (members) => ({
    metric,
    along,
    base: without(members[0]!.at, along),
    groups: members,
  })).toSorted((a, b) => valuesOf(b).length - valuesOf(a).length || b.groups.length - a.groups.length);
}

/** Ascending, words last. */
export function valuesOf({ groups, along }: Series): (number | string)[] {
  return distinct(groups.map(({ at }) => ({ [along]: at[along] }))).map((at) => at[along]!);
}
