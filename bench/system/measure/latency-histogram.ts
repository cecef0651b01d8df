/** Latencies as percentiles and as a histogram (RFC 8219, section 7.2, asks for percentiles beside the median). */

/** Buckets grow by a sixteenth of an octave, 4.4 %. */
const PER_OCTAVE = 16;

export interface LatencySummary {
  count: number;
  /** In nanoseconds; 0 where nothing was measured. */
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
  /** counts[i] took at most edgesNs[i] and more than the edge before. Empty buckets are left out at both ends only. */
  edgesNs: number[];
  counts: number[];
}

/** @param latenciesNs in any order; sorted in place */
export function summarise(latenciesNs: Float64Array): LatencySummary {
  latenciesNs.sort();
  const { edgesNs, counts } = histogramOf(latenciesNs);
  const at = (share: number): number => percentile(latenciesNs, share);
  return {
    count: latenciesNs.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    edgesNs,
    counts,
  };
}

/** The smallest value that at least `share` of all values do not exceed (nearest rank). @param sorted ascending */
export function percentile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return 0;
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1]!;
}

function histogramOf(sorted: Float64Array): { edgesNs: number[]; counts: number[] } {
  if (sorted.length === 0) return { edgesNs: [], counts: [] };
  const first = bucketOf(sorted[0]!);
  const buckets = bucketOf(sorted.at(-1)!) - first + 1;
  const counts = Array.from({ length: buckets }, () => 0);
  for (const ns of sorted) counts[bucketOf(ns) - first]!++;
  const edgesNs = counts.map((_, k) => Math.round(2 ** ((first + k) / PER_OCTAVE)));
  return { edgesNs, counts };
}

/** What is below a nanosecond, as clocks that jump may give, counts as one. */
function bucketOf(ns: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, ns)) * PER_OCTAVE));
}
