/** What is measured: a closed list, so that samples, report and targets speak of the same things. */

export interface Metric {
  title: string;
  unit: string;
  /** Divides a sample for print. */
  scale: number;
  digits: number;
}

export const METRICS = {
  framesPerSecond: { title: '64-byte frames delivered', unit: 'kpps', scale: 1e3, digits: 0 },
  lossPercent: { title: '64-byte frames lost of those offered', unit: '%', scale: 1, digits: 0 },
  cpuNsPerFrame: { title: 'switch CPU time per frame delivered', unit: 'ns', scale: 1, digits: 0 },
  tcpBetter: { title: 'TCP, one flow, better direction', unit: 'Gbit/s', scale: 1e9, digits: 2 },
  tcpWorse: { title: 'TCP, one flow, other direction', unit: 'Gbit/s', scale: 1e9, digits: 2 },
  rttMedianUs: { title: 'ping round trip, median', unit: 'µs', scale: 1, digits: 0 },
  idleCpuPercent2: { title: 'idle CPU, 2 ports', unit: '% of a core', scale: 1, digits: 2 },
  idleCpuPercent8: { title: 'idle CPU, 8 ports', unit: '% of a core', scale: 1, digits: 2 },
  rssBytes8: { title: 'resident memory, 8 ports', unit: 'MB', scale: 1e6, digits: 0 },
  nsPerFrame: { title: 'JavaScript time per frame', unit: 'ns', scale: 1, digits: 0 },
  heapBytesPerFrame: { title: 'heap bytes per frame', unit: 'bytes', scale: 1, digits: 3 },
  nsPerCall: { title: 'time per FFI call', unit: 'ns', scale: 1, digits: 0 },
  heapBytesPerCall: { title: 'heap bytes per FFI call', unit: 'bytes', scale: 1, digits: 3 },
  nsPerOperation: { title: 'time per operation', unit: 'ns', scale: 1, digits: 1 },
  heapBytesPerOperation: { title: 'heap bytes per operation', unit: 'bytes', scale: 1, digits: 3 },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof METRICS;

export interface Sample {
  /** 0 for what is measured once per run. */
  round: number;
  subject: string;
  metric: MetricName;
  value: number;
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

export function spreadOfMetric(samples: readonly Sample[], subject: string, metric: MetricName): Spread | null {
  const values = samples.filter((s) => s.subject === subject && s.metric === metric).map((s) => s.value);
  return values.length > 0 ? spreadOf(values) : null;
}

/**
 * The ratio of two subjects, formed within each round and then ranked: what slows down the whole machine for a while slows
 * down both, and cancels out. Null where no round measured both.
 */
export function ratioOf(
  samples: readonly Sample[],
  subject: string,
  against: string,
  metric: MetricName,
): Spread | null {
  const ratios: number[] = [];
  for (const s of samples) {
    if (s.subject !== subject || s.metric !== metric) continue;
    const other = samples.find((o) => o.subject === against && o.metric === metric && o.round === s.round);
    if (other && other.value > 0) ratios.push(s.value / other.value);
  }
  return ratios.length > 0 ? spreadOf(ratios) : null;
}
