/** What a run shows, in sentences: the titles of the plots and the first lines of the page. */
import { type ConditionName, type Conditions, conditionsKey, type MetricName, spreadOf } from '../metrics.ts';
import { type Group, grouped, type Groups, ratioOfGroups, tell } from './conditions.ts';

/** Subjects in words; others are called by their name. */
const NAMES: Readonly<Record<string, string>> = {
  'linux-bridge': 'the Linux bridge',
  'ovs-netdev': 'Open vSwitch',
  'ovs-afxdp': 'Open vSwitch with AF_XDP',
  'vde-switch': 'vde_switch',
  'bare-veth': 'a bare veth pair',
};
/** Peers in the order in which a sentence names them. */
const PEERS = ['linux-bridge', 'ovs-netdev', 'ovs-afxdp', 'vde-switch'];
const PEERS_NAMED_MAX = 3;

export function nameOf(subject: string): string {
  return NAMES[subject] ?? subject;
}

/**
 * `tswitch-veth delivers 1.31 × the Linux bridge, 2.4 × Open vSwitch`; null where tswitch or every peer is missing.
 *
 * @param verb what the subject does with the metric
 * @param bound whether more or less is better
 */
export function comparison(
  groups: Groups,
  metric: MetricName,
  at: Conditions,
  verb: string,
  bound: 'more' | 'less' = 'more',
): string | null {
  const best = bestOfOurs(groups, metric, at, bound);
  if (!best) return null;
  const parts = PEERS.flatMap((peer) => {
    const ratio = ratioOfGroups(best, groups.find(peer, metric, at));
    return ratio === null ? [] : [`${shortRatio(ratio.median)} × ${nameOf(peer)}`];
  });
  return parts.length === 0 ? null : `${best.subject} ${verb} ${parts.slice(0, PEERS_NAMED_MAX).join(', ')}`;
}

/** The group of the tswitch subject that does best; null where none was measured. */
export function bestOfOurs(
  groups: Groups,
  metric: MetricName,
  at: Conditions,
  bound: 'more' | 'less' = 'more',
): Group | null {
  const sign = bound === 'more' ? -1 : 1;
  const ours = groups
    .of(metric)
    .filter((group) => group.subject.startsWith('tswitch') && conditionsKey(group.at) === conditionsKey(at));
  return ours.toSorted((a, b) => sign * (a.spread.median - b.spread.median))[0] ?? null;
}

/** `97 % of its rate from 1 MAC to 65,536 MACs`, of the first of these and the last. */
export function share(points: readonly Group[], along: ConditionName): string | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first === last || first.spread.median <= 0) return null;
  const percent = Math.round((last.spread.median / first.spread.median) * 100);
  return `${percent} % from ${grouped(first.at[along] ?? '')} to ${tell(along, last.at[along])}`;
}

/** How far apart the highest and the lowest round of one and the same thing are, in the middle of all rates; 1: not at all. */
export function scatterOf(groups: Groups): number {
  const scatters = groups
    .of('framesPerSecond')
    .filter(({ samples, spread }) => samples.length > 1 && spread.min > 0)
    .map(({ spread }) => spread.max / spread.min);
  return scatters.length === 0 ? 1 : spreadOf(scatters).median;
}

function shortRatio(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio >= 3 ? ratio.toFixed(1) : ratio.toFixed(2);
}
