/** Latencies by percentile: the axis stretches towards the rare ones, a step for every further nine. */
import type { Distribution } from '../metrics.ts';
import { drawLines, type Line, type Point } from './lines.ts';
import type { Drawing } from './page.ts';

/** One panel: the latencies of some subjects under one condition. */
export interface PercentilePanel {
  heading: string;
  lines: readonly Line[];
}

/** The x of a percentile: how rare what lies above it is, as one in so many. */
export function rarity(percentile: number): number {
  return 100 / (100 - percentile);
}

const TICKS = [0, 90, 99, 99.9, 99.99, 99.999].map(rarity);

/** @param panels lines in microseconds over rarity */
export function drawPercentiles(panels: readonly PercentilePanel[]): Drawing {
  return drawLines({
    panels: panels.map((panel) => ({
      ...panel,
      xTitle: 'percentile',
      xTicks: TICKS.filter((tick) => tick <= rarestOf(panel) * 1.001),
    })),
    xScale: 'log',
    yScale: 'log',
    yTitle: 'latency, µs',
    printX: (value) => (value <= 1 ? 'fastest' : `${Number((100 - 100 / value).toFixed(4))} %`),
    printY: (value) => value.toLocaleString('en-US', { maximumFractionDigits: 1 }),
  });
}

function rarestOf({ lines }: PercentilePanel): number {
  return Math.max(...lines.flatMap(({ points }) => points.map(({ x }) => x)));
}

/**
 * The percentile curve of all rounds together: after each bin that holds something, how rare a longer latency is. Nothing is
 * longer than the last one, so that counts as one in as many as there were.
 *
 * @returns points in microseconds, at the upper edge of their bins
 */
export function curveOf(distributions: readonly Distribution[]): Point[] {
  const counted = new Map<number, number>();
  let lowestNs = Infinity;
  for (const { edgesNs, counts } of distributions) {
    for (const [bin, count] of counts.entries()) {
      const edgeNs = edgesNs[bin];
      if (edgeNs === undefined || count === 0) continue;
      counted.set(edgeNs, (counted.get(edgeNs) ?? 0) + count);
      lowestNs = Math.min(lowestNs, edgesNs[bin - 1] ?? edgeNs);
    }
  }
  const bins = Array.from(counted).toSorted((a, b) => a[0] - b[0]);
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  let longer = total;
  const points = bins.map(([edgeNs, count]) => {
    longer -= count;
    return pointAt(total / Math.max(1, longer), edgeNs);
  });
  return total === 0 ? [] : [pointAt(1, lowestNs), ...points];
}

function pointAt(x: number, ns: number): Point {
  const us = ns / 1000;
  return { x, y: { median: us, min: us, max: us } };
}
