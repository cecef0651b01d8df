/** A measurement: what is done with a rig under given conditions, and which samples come of it. */
import type { Conditions, MetricName } from './metrics.ts';
import type { Settings } from './settings.ts';
import type { LatencySummary } from './system/measure/latency-histogram.ts';
import type { Bench, Layout, Rig } from './system/subject.ts';

/** What a measurement works with: one rig in one round. */
export interface Context {
  readonly bench: Bench;
  readonly rig: Rig;
  readonly settings: Settings;
  /** What this subject's measurements of the same round found out that later ones need, by a name. */
  readonly known: Map<string, number>;
  readonly add: (metric: MetricName, value: number, at: Conditions) => void;
  readonly addLatency: (summary: LatencySummary, at: Conditions) => void;
  /** Notes why there is no figure where one could be expected; nothing failed. */
  readonly leaveOut: (reason: string) => void;
}

export interface Measurement {
  /** For --measure. */
  readonly name: string;
  /** In one line. */
  readonly about: string;
  readonly layout: Layout;
  /** About how long one takes under these conditions, in seconds, for the time left; the rig is there already. */
  seconds(settings: Settings, at: Conditions): number;
  measure(context: Context, at: Conditions): Promise<void>;
}
