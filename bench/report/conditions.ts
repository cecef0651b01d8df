/** Conditions in words, in order, and the samples that were taken under the same ones. */
import {
  type ConditionName,
  type Conditions,
  CONDITIONS,
  conditionsKey,
  type MetricName,
  type Sample,
  type Spread,
  spreadOf,
} from '../metrics.ts';

/** How each condition is told, */
const WORDS: Record<ConditionName, { heading: string; tell: (value: number | string) => string }> = {
  frameBytes: { heading: 'frame', tell: (value) => (value === 'imix' ? 'IMIX' : `${value} B`) },
  flows: { heading: 'flows', tell: counted('flow') },
  macs: { heading: 'MACs', tell: counted('MAC') },
  ports: { heading: 'ports', tell: counted('port') },
  workers: { heading: 'workers', tell: counted('worker') },
  streams: { heading: 'streams', tell: counted('stream') },
  direction: { heading: 'direction', tell: (value) => (value === 'both' ? 'both ways' : String(value)) },
  gso: { heading: 'GSO', tell: (value) => (Number(value) === 1 ? 'with GSO' : 'without GSO') },
  swapsPerSecond: { heading: 'swaps', tell: (value) => (Number(value) > 0 ? `${grouped(value)}/s` : 'none') },
  changesPerSecond: { heading: 'changes', tell: (value) => (Number(value) > 0 ? `${grouped(value)}/s` : 'none') },
  snaplen: { heading: 'snap length', tell: (value) => `${value} bytes captured` },
  pingsPerSecond: { heading: 'pings', tell: (value) => `${grouped(value)}/s` },
  loadPercent: { heading: 'load', tell: (value) => (Number(value) === 0 ? 'idle' : `${value} % of NDR`) },
  offeredFps: { heading: 'offered', tell: (value) => `${grouped(Math.round(Number(value) / 1000))} kpps` },
};

export function headingOf(name: ConditionName): string {
  return WORDS[name].heading;
}

export function tell(name: ConditionName, value: number | string | undefined): string {
  return value === undefined ? '' : WORDS[name].tell(value);
}

/** All of them, such as `64 B, 4,096 flows`; empty where there is none. */
export function tellAll(at: Conditions): string {
  return CONDITIONS.flatMap((name) => (at[name] === undefined ? [] : [tell(name, at[name])])).join(', ');
}

function counted(what: string): (value: number | string) => string {
  return (value) => `${grouped(value)} ${what}${Number(value) === 1 ? '' : 's'}`;
}

/** With a comma between thousands. */
export function grouped(value: number | string): string {
  return typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 3 }) : value;
}

/** Whether each of the `wanted` conditions holds; others may too. */
export function holds(at: Conditions, wanted: Conditions): boolean {
  return CONDITIONS.every((name) => wanted[name] === undefined || wanted[name] === at[name]);
}

export function without(at: Conditions, name: ConditionName): Conditions {
  const { [name]: _, ...rest } = at;
  return rest;
}

/** Orders by each condition in turn; numbers before words, and what is not varied first. */
export function compareConditions(a: Conditions, b: Conditions): number {
  for (const name of CONDITIONS) {
    const difference = rank(a[name]) - rank(b[name]);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

function rank(value: number | string | undefined): number {
  if (value === undefined) return -1;
  return typeof value === 'number' ? value : Number.MAX_VALUE;
}

/** The conditions that are not the same in all of these, in their order. */
export function varying(all: readonly Conditions[]): ConditionName[] {
  return CONDITIONS.filter((name) => new Set(all.map((at) => at[name])).size > 1);
}

/** The conditions that are, with their value. */
export function common(all: readonly Conditions[]): Conditions {
  const [first = {}] = all;
  const same = CONDITIONS.filter((name) => first[name] !== undefined && all.every((at) => at[name] === first[name]));
  return Object.fromEntries(same.map((name) => [name, first[name]]));
}

/** Different conditions, sorted. */
export function distinct(all: Iterable<Conditions>): Conditions[] {
  const byKey = new Map(Array.from(all, (at) => [conditionsKey(at), at]));
  return [...byKey.values()].toSorted(compareConditions);
}

/** All samples of one subject, metric and set of conditions. */
export interface Group {
  subject: string;
  metric: MetricName;
  at: Conditions;
  samples: Sample[];
  spread: Spread;
}

/** In the order in which they first appear. */
export function groupSamples(samples: readonly Sample[]): Group[] {
  const byKey = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = groupKey(sample.subject, sample.metric, sample.at);
    const group = byKey.get(key);
    if (group) group.push(sample);
    else byKey.set(key, [sample]);
  }
  return Array.from(byKey.values(), (group) => {
    const { subject, metric, at = {} } = group[0]!;
    return { subject, metric, at, samples: group, spread: spreadOf(group.map(({ value }) => value)) };
  });
}

function groupKey(subject: string, metric: MetricName, at: Conditions | undefined): string {
  return `${subject}\n${metric}\n${conditionsKey(at)}`;
}

/** Groups by what they are of. */
export class Groups {
  readonly all: readonly Group[];
  readonly #byKey: ReadonlyMap<string, Group>;

  constructor(samples: readonly Sample[]) {
    this.all = groupSamples(samples);
    this.#byKey = new Map(this.all.map((group) => [groupKey(group.subject, group.metric, group.at), group]));
  }

  of(...metrics: readonly MetricName[]): Group[] {
    return this.all.filter(({ metric }) => metrics.includes(metric));
  }

  find(subject: string, metric: MetricName, at: Conditions): Group | null {
    return this.#byKey.get(groupKey(subject, metric, at)) ?? null;
  }
}

/**
 * The ratio of two groups, formed within each round and then ranked: what slows down the whole machine for a while slows
 * down both, and cancels out. Null where no round measured both.
 */
export function ratioOfGroups(a: Group | null, b: Group | null): Spread | null {
  const ratios = (a?.samples ?? []).flatMap(({ round, value }) => {
    const other = b?.samples.find((sample) => sample.round === round);
    return other && other.value > 0 ? [value / other.value] : [];
  });
  return ratios.length > 0 ? spreadOf(ratios) : null;
}
