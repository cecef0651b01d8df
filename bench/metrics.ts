/** What is measured: a closed list, so that samples, report and targets speak of the same things. */

export interface Metric {
  title: string;
  unit: string;
  /** Divides a sample for print. */
  scale: number;
  digits: number;
}

export const METRICS = {
  framesPerSecond: { title: 'frames delivered at overload', unit: 'kpps', scale: 1e3, digits: 0 },
  lossPercent: { title: 'frames lost of those offered at overload', unit: '%', scale: 1, digits: 0 },
  ndr: { title: 'highest rate without loss (NDR)', unit: 'kpps', scale: 1e3, digits: 0 },
  pdr: { title: 'highest rate with at most 0.5 % loss (PDR)', unit: 'kpps', scale: 1e3, digits: 0 },
  pacedFps: { title: 'highest rate the generator kept', unit: 'kpps', scale: 1e3, digits: 0 },
  lossRatio: { title: 'frames lost of those offered', unit: '%', scale: 0.01, digits: 3 },
  overloadFps: { title: 'frames delivered at a load above NDR', unit: 'kpps', scale: 1e3, digits: 0 },
  recoverySeconds: { title: 'from the end of overload to the last loss', unit: 'ms', scale: 1e-3, digits: 1 },
  latencyP50Us: { title: 'latency, median', unit: 'µs', scale: 1, digits: 0 },
  latencyP90Us: { title: 'latency, 90th percentile', unit: 'µs', scale: 1, digits: 0 },
  latencyP99Us: { title: 'latency, 99th percentile', unit: 'µs', scale: 1, digits: 0 },
  latencyP999Us: { title: 'latency, 99.9th percentile', unit: 'µs', scale: 1, digits: 0 },
  latencyMaxUs: { title: 'latency, longest', unit: 'µs', scale: 1, digits: 0 },
  cpuNsPerFrame: { title: 'switch CPU time per frame delivered', unit: 'ns', scale: 1, digits: 0 },
  trunkCpuNsPerFrame: { title: 'switch CPU time per frame from a trunk', unit: 'ns', scale: 1, digits: 0 },
  broadcastCpuNsPerCopy: { title: 'switch CPU time per copy of a broadcast', unit: 'ns', scale: 1, digits: 0 },
  meshCpuNsPerFrame: { title: 'switch CPU time per frame of four hosts', unit: 'ns', scale: 1, digits: 0 },
  cpuNsPerKilobyte: { title: 'switch CPU time per kilobyte', unit: 'ns', scale: 1, digits: 0 },
  cpuNsPerRequest: { title: 'switch CPU time per request', unit: 'ns', scale: 1, digits: 0 },
  softirqNsPerFrame: { title: 'softirq time of the machine per frame delivered', unit: 'ns', scale: 1, digits: 0 },
  tcpBetter: { title: 'TCP, better direction', unit: 'Gbit/s', scale: 1e9, digits: 2 },
  tcpWorse: { title: 'TCP, other direction', unit: 'Gbit/s', scale: 1e9, digits: 2 },
  tcpSum: { title: 'TCP, both directions at once, sum', unit: 'Gbit/s', scale: 1e9, digits: 2 },
  udpBps: { title: 'UDP delivered at overload', unit: 'Gbit/s', scale: 1e9, digits: 2 },
  requestsPerSecond: { title: 'TCP requests of one byte, one after the other', unit: 'per s', scale: 1, digits: 0 },
  rttMedianUs: { title: 'ping round trip, median', unit: 'µs', scale: 1, digits: 0 },
  learningFps: { title: 'highest rate of new addresses all learned', unit: 'k per s', scale: 1e3, digits: 1 },
  addressCapacity: { title: 'addresses held', unit: 'addresses', scale: 1, digits: 0 },
  broadcastFps: { title: 'copies of broadcasts delivered at overload', unit: 'kpps', scale: 1e3, digits: 0 },
  trunkToAccessFps: { title: 'frames delivered from a trunk to an access port', unit: 'kpps', scale: 1e3, digits: 0 },
  meshFps: { title: 'frames delivered, four hosts each to each', unit: 'kpps', scale: 1e3, digits: 0 },
  captureRateRatio: { title: 'frames delivered with a capture, to without', unit: 'ratio', scale: 1, digits: 3 },
  captureCpuRatio: {
    title: 'switch CPU time per frame with a capture, its writing included, to without',
    unit: 'ratio',
    scale: 1,
    digits: 2,
  },
  captureMissedPercent: { title: 'frames that the capture missed', unit: '%', scale: 1, digits: 1 },
  apiP99Ms: { title: 'the API answers, 99th percentile', unit: 'ms', scale: 1, digits: 1 },
  lostFrames: { title: 'frames lost', unit: 'frames', scale: 1, digits: 0 },
  exchangeMs: { title: 'a worker takes no frames for a swap, the longest', unit: 'ms', scale: 1, digits: 1 },
  swapMs: { title: 'a swap is answered, the longest', unit: 'ms', scale: 1, digits: 1 },
  idleCpuPercent2: { title: 'idle CPU, 2 ports', unit: '% of a core', scale: 1, digits: 2 },
  idleCpuPercent8: { title: 'idle CPU, 8 ports', unit: '% of a core', scale: 1, digits: 2 },
  rssBytes8: { title: 'resident memory, 8 ports', unit: 'MB', scale: 1e6, digits: 0 },
  rssBytes64: { title: 'resident memory, 64 ports', unit: 'MB', scale: 1e6, digits: 0 },
  rssBytes256: { title: 'resident memory, 256 ports', unit: 'MB', scale: 1e6, digits: 0 },
  nsPerFrame: { title: 'JavaScript time per frame', unit: 'ns', scale: 1, digits: 0 },
  heapBytesPerFrame: { title: 'heap bytes per frame', unit: 'bytes', scale: 1, digits: 3 },
  nsPerCall: { title: 'time per FFI call', unit: 'ns', scale: 1, digits: 0 },
  heapBytesPerCall: { title: 'heap bytes per FFI call', unit: 'bytes', scale: 1, digits: 3 },
  nsPerOperation: { title: 'time per operation', unit: 'ns', scale: 1, digits: 1 },
  heapBytesPerOperation: { title: 'heap bytes per operation', unit: 'bytes', scale: 1, digits: 3 },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof METRICS;

/** What is varied, in the order in which conditions are listed. */
export const CONDITIONS = [
  /** Bytes of a frame with its frame check sequence, as RFC 2544 counts: 64 to 1518; or 'imix'. */
  'frameBytes',
  /** UDP source ports the frames are spread over. */
  'flows',
  /** Destination addresses, all learned before. */
  'macs',
  /** Ports of the switch. */
  'ports',
  /** Of the subject's own NDR in the same round; 0: nothing but the frames that are measured. */
  'loadPercent',
  'offeredFps',
  /** 'there', 'back' or 'both' (at once). */
  'direction',
  /** TCP connections at once. */
  'streams',
  /** 1: the sender hands super-frames over (UDP_SEGMENT), 0: single frames. */
  'gso',
  'pingsPerSecond',
  /** Of the switch, by its API, while traffic is measured. */
  'changesPerSecond',
  /** Of a loaded logic, by the API, while traffic is measured. */
  'swapsPerSecond',
  /** Bytes of each frame that a capture of everything keeps. */
  'snaplen',
  'workers',
] as const;
export type ConditionName = (typeof CONDITIONS)[number];
export type Conditions = Readonly<Partial<Record<ConditionName, number | string>>>;

export interface Sample {
  /** 0 for what is measured once per run. */
  round: number;
  subject: string;
  metric: MetricName;
  value: number;
  at?: Conditions;
}

/** A latency histogram: `counts[i]` frames took at most `edgesNs[i]`, and more than the edge before. */
export interface Distribution {
  round: number;
  subject: string;
  metric: 'latency';
  at: Conditions;
  edgesNs: number[];
  counts: number[];
}

/** What went wrong in a measurement; the run goes on without its samples. */
export interface Failure {
  round: number;
  subject: string;
  message: string;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
  return { median: middle, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Conditions as text that is equal where they are: `frameBytes=64 flows=1`; empty for none. */
export function conditionsKey(at: Conditions = {}): string {
  return CONDITIONS.filter((name) => at[name] !== undefined)
    .map((name) => `${name}=${at[name]}`)
    .join(' ');
}

/** @param at only the samples under exactly these conditions; left out: those under any */
export function spreadOfMetric(
  samples: readonly Sample[],
  subject: string,
  metric: MetricName,
  at?: Conditions,
): Spread | null {
  const values = chosen(samples, subject, metric, at).map((s) => s.value);
  return values.length > 0 ? spreadOf(values) : null;
}

/**
 * The ratio of two subjects under the same conditions, formed within each round and then ranked: what slows down the whole
 * machine for a while slows down both, and cancels out. Null where no round measured both.
 */
export function ratioOf(
  samples: readonly Sample[],
  subject: string,
  against: string,
  metric: MetricName,
  at?: Conditions,
): Spread | null {
  const others = chosen(samples, against, metric, at);
  const ratios: number[] = [];
  for (const s of chosen(samples, subject, metric, at)) {
    const key = conditionsKey(s.at);
    const other = others.find((o) => o.round === s.round && conditionsKey(o.at) === key);
    if (other && other.value > 0) ratios.push(s.value / other.value);
  }
  return ratios.length > 0 ? spreadOf(ratios) : null;
}

function chosen(samples: readonly Sample[], subject: string, metric: MetricName, at?: Conditions): Sample[] {
  const key = at === undefined ? null : conditionsKey(at);
  return samples.filter(
    (s) => s.subject === subject && s.metric === metric && (key === null || conditionsKey(s.at) === key),
  );
}
