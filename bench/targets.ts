/** What the figures are to reach. Shown beside what was measured; nothing fails on them, as machines differ. */
import type { Conditions, MetricName } from './metrics.ts';

/** What a ratio is formed with. */
export interface Measure {
  /** Undefined: the same subject under other conditions. */
  subject?: string;
  /** Undefined: the same conditions. */
  at?: Conditions;
}

export interface Target {
  what: string;
  /** The best of the subjects counts. */
  of: { subjects: readonly string[]; metric: MetricName; at: Conditions };
  /** In the same rounds; null: the figure itself counts. */
  against: Measure | null;
  bound: 'atLeast' | 'atMost';
  /** A ratio, or a figure in the metric's own unit before scaling. */
  value: number;
}

const BEST = ['tswitch-veth', 'tswitch-xdp'];
const VETH = ['tswitch-veth'];
const TAP = ['tswitch-tap'];
const SHORTEST: Conditions = { frameBytes: 64, flows: 1 };
const SWAPPED: Conditions = { frameBytes: 64, loadPercent: 50, swapsPerSecond: 20 };
const ONE_STREAM: Conditions = { streams: 1 };

export const TARGETS: readonly Target[] = [
  ...[
    { subject: 'linux-bridge', value: 1.3 },
    { subject: 'ovs-afxdp', value: 1.15 },
    { subject: 'ovs-netdev', value: 2.2 },
  ].map(({ subject, value }) =>
    atLeast('64-byte frames, 1 flow', { subjects: BEST, metric: 'framesPerSecond', at: SHORTEST }, { subject }, value),
  ),
  atLeast(
    '4,096 flows, to 1 flow',
    { subjects: BEST, metric: 'framesPerSecond', at: { frameBytes: 64, flows: 4096 } },
    { at: { flows: 1 } },
    0.95,
  ),
  ...[
    { metric: 'tcpBetter' as const, what: 'TCP, better direction', subject: 'linux-bridge', value: 0.8 },
    { metric: 'tcpWorse' as const, what: 'TCP, other direction', subject: 'linux-bridge', value: 0.6 },
    { metric: 'tcpBetter' as const, what: 'TCP, better direction', subject: 'ovs-afxdp', value: 4 },
    { metric: 'tcpBetter' as const, what: 'TCP, better direction', subject: 'ovs-netdev', value: 12 },
  ].map(({ metric, what, subject, value }) =>
    atLeast(what, { subjects: VETH, metric, at: ONE_STREAM }, { subject }, value),
  ),
  atLeast(
    'TAP, 64-byte frames',
    { subjects: TAP, metric: 'framesPerSecond', at: SHORTEST },
    { subject: 'vde-switch' },
    1.2,
  ),
  atLeast('TAP, TCP', { subjects: TAP, metric: 'tcpBetter', at: ONE_STREAM }, { subject: 'vde-switch' }, 10),
  ...[
    { pingsPerSecond: 1000, value: 2 },
    { pingsPerSecond: 1, value: 3 },
  ].map(({ pingsPerSecond, value }) =>
    atMost(
      `ping, ${pingsPerSecond === 1 ? 'one' : '1,000'} per second`,
      { subjects: VETH, metric: 'rttMedianUs', at: { pingsPerSecond } },
      { subject: 'linux-bridge' },
      value,
    ),
  ),
  atLeast(
    '100 changes per second, to none',
    { subjects: VETH, metric: 'framesPerSecond', at: { frameBytes: 64, changesPerSecond: 100 } },
    { at: { changesPerSecond: 0 } },
    0.9,
  ),
  atMost(
    'API under full load, 99th percentile',
    { subjects: VETH, metric: 'apiP99Ms', at: { frameBytes: 64, changesPerSecond: 100 } },
    null,
    50,
  ),
  atMost(
    '20 swaps of a logic per second, at 50 % of NDR',
    { subjects: VETH, metric: 'lostFrames', at: SWAPPED },
    null,
    0,
  ),
  atMost('a swap in a worker, the longest', { subjects: VETH, metric: 'exchangeMs', at: SWAPPED }, null, 10),
  atMost('a swap to its answer, the longest', { subjects: VETH, metric: 'swapMs', at: SWAPPED }, null, 10),
  atMost('p99 at 50 % of NDR', { subjects: BEST, metric: 'latencyP99Us', at: { loadPercent: 50 } }, null, 250),
  atMost(
    'longest pause at 50 % of NDR',
    { subjects: VETH, metric: 'latencyMaxUs', at: { loadPercent: 50 } },
    null,
    5000,
  ),
  atLeast(
    '200,000 MACs, to 1',
    { subjects: VETH, metric: 'framesPerSecond', at: { frameBytes: 64, macs: 200_000 } },
    { at: { macs: 1 } },
    0.9,
  ),
  atLeast(
    '64 ports, to 2',
    { subjects: VETH, metric: 'framesPerSecond', at: { frameBytes: 64, ports: 64 } },
    { at: { ports: 2 } },
    0.85,
  ),
  ...['tswitch data path', 'tswitch data path, 256 pairs'].flatMap((subject) => [
    atMost(`${subject}: JavaScript per frame`, { subjects: [subject], metric: 'nsPerFrame', at: {} }, null, 100),
    atMost(`${subject}: heap per frame`, { subjects: [subject], metric: 'heapBytesPerFrame', at: {} }, null, 0),
  ]),
  atMost('idle CPU, 8 ports', { subjects: VETH, metric: 'idleCpuPercent8', at: {} }, null, 0.5),
  atMost('resident memory, 8 ports', { subjects: VETH, metric: 'rssBytes8', at: {} }, null, 250e6),
  atMost('resident memory, 64 ports', { subjects: VETH, metric: 'rssBytes64', at: {} }, null, 800e6),
];

const LOGICS = { metric: 'framesPerSecond', at: SHORTEST } as const;

/** Of what takes part only where it is named. */
export const NAMED_TARGETS: readonly Target[] = [
  atLeast('a logic by batch', { subjects: [withLogic('cross-connect')], ...LOGICS }, { subject: 'tswitch-veth' }, 0.95),
  atLeast(
    'a logic frame by frame',
    { subjects: [withLogic('mac-allow-list')], ...LOGICS },
    { subject: 'tswitch-veth' },
    0.85,
  ),
  atLeast(
    'a logic in shadow',
    { subjects: ['tswitch-veth-shadow-mac-allow-list'], ...LOGICS },
    { subject: 'tswitch-veth' },
    0.8,
  ),
  // Three times what BMv2 publishes (behavioral-model, docs/performance.md: some 80,000 frames per second).
  atLeast('an allow-list of MACs', { subjects: [withLogic('mac-allow-list')], ...LOGICS }, null, 240e3),
];

function withLogic(name: string): string {
  return `tswitch-veth-logic-${name}`;
}

function atLeast(what: string, of: Target['of'], against: Measure | null, value: number): Target {
  return { what, of, against, bound: 'atLeast', value };
}

function atMost(what: string, of: Target['of'], against: Measure | null, value: number): Target {
  return { what, of, against, bound: 'atMost', value };
}
