/** What the figures are to reach. Shown beside what was measured; nothing fails on them, as machines differ. */
import type { MetricName } from './metrics.ts';

export interface Target {
  subject: string;
  metric: MetricName;
  /** The subject in the same rounds that the ratio is formed with; null: the figure itself counts. */
  against: string | null;
  bound: 'atLeast' | 'atMost';
  /** A ratio, or a figure in the metric's own unit before scaling. */
  value: number;
}

export const TARGETS: readonly Target[] = [
  { subject: 'tswitch-veth', metric: 'framesPerSecond', against: 'linux-bridge', bound: 'atLeast', value: 1 },
  { subject: 'tswitch-veth', metric: 'tcpBetter', against: 'linux-bridge', bound: 'atLeast', value: 0.6 },
  { subject: 'tswitch-veth', metric: 'tcpWorse', against: 'linux-bridge', bound: 'atLeast', value: 0.45 },
  { subject: 'tswitch-veth', metric: 'tcpBetter', against: 'ovs-netdev', bound: 'atLeast', value: 8 },
  { subject: 'tswitch-veth', metric: 'tcpWorse', against: 'ovs-netdev', bound: 'atLeast', value: 8 },
  { subject: 'tswitch-tap', metric: 'framesPerSecond', against: 'vde-switch', bound: 'atLeast', value: 0.95 },
  { subject: 'tswitch-tap', metric: 'tcpBetter', against: 'vde-switch', bound: 'atLeast', value: 8 },
  { subject: 'tswitch-veth', metric: 'idleCpuPercent8', against: null, bound: 'atMost', value: 1 },
  { subject: 'tswitch-veth', metric: 'rssBytes8', against: null, bound: 'atMost', value: 250e6 },
  { subject: 'tswitch data path', metric: 'nsPerFrame', against: null, bound: 'atMost', value: 100 },
  { subject: 'tswitch data path, 256 pairs', metric: 'nsPerFrame', against: null, bound: 'atMost', value: 100 },
  { subject: 'tswitch data path', metric: 'heapBytesPerFrame', against: null, bound: 'atMost', value: 0 },
  { subject: 'tswitch data path, 256 pairs', metric: 'heapBytesPerFrame', against: null, bound: 'atMost', value: 0 },
];
