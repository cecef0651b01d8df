/** Results of the benchmarks made up for tests: figures that are known, so that a test can say where they must appear. */
import type { Conditions, MetricName, Sample } from '../../bench/metrics.ts';
import type { Report } from '../../bench/report/report.ts';
import { parseOptions } from '../../bench/settings.ts';

export const SUBJECTS = ['tswitch-veth', 'linux-bridge', 'ovs-netdev'];

export function sample(round: number, subject: string, metric: MetricName, value: number, at: Conditions = {}): Sample {
  return { round, subject, metric, value, at };
}

/** The same figure in each of three rounds, a hundredth less in the first and more in the last. */
export function rounds(subject: string, metric: MetricName, value: number, at: Conditions = {}): Sample[] {
  return [0.99, 1, 1.01].map((part, k) => sample(k + 1, subject, metric, value * part, at));
}

export function reportOf(samples: Sample[], changes: Partial<Report> = {}): Report {
  return {
    environment: {
      date: '2026-01-02T03:04:05.678Z',
      kernel: '6.18',
      cpu: 'a CPU <fast & cheap>',
      cores: 2,
      memoryBytes: 8e9,
      mitigations: { meltdown: 'Mitigation: PTI' },
      virtualisation: 'kvm',
      clockSource: 'tsc',
      timerHz: 250,
      preemption: 'none (dynamic)',
      irqTimeAccounting: false,
      smt: 'off',
      governor: null,
      node: 'v26',
      tswitch: '0.1.0',
      commit: '0123456789abcdef',
      modified: false,
      versions: { iperf3: 'iperf 3.12' },
      loadBefore: 0,
    },
    size: 'quick',
    settings: parseOptions(['--quick']).settings,
    subjects: SUBJECTS.map((name) => ({ name, about: `about ${name}`, help: name === 'ovs-netdev' ? 'a hand' : null })),
    skipped: [],
    samples,
    distributions: [],
    micro: [],
    failures: [],
    ...changes,
  };
}

/** What a run over several sizes, loads and numbers of addresses measures. */
export function wideReport(): Report {
  const samples = SUBJECTS.flatMap((subject, k) => [
    ...[64, 1518, 'imix'].flatMap((frameBytes) => [
      ...rounds(subject, 'ndr', 500_000 / (k + 1), { frameBytes, flows: 1 }),
      ...rounds(subject, 'cpuNsPerFrame', 1500 * (k + 1), { frameBytes, flows: 1, loadPercent: 100 }),
    ]),
    ...[1, 1000, 65_536].flatMap((macs, step) =>
      rounds(subject, 'framesPerSecond', (400_000 - 20_000 * step) / (k + 1), { frameBytes: 64, macs }),
    ),
    ...[100_000, 200_000, 400_000].flatMap((offeredFps, step) =>
      rounds(subject, 'lossRatio', step * 0.1 * k, { frameBytes: 64, offeredFps }),
    ),
    ...rounds(subject, 'latencyP99Us', 100 * (k + 1), { loadPercent: 50 }),
    ...rounds(subject, 'tcpBetter', 9e9 / (k + 1), { streams: 1 }),
    ...rounds(subject, 'rttMedianUs', 90 * (k + 1), { pingsPerSecond: 1000 }),
  ]);
  const distributions = SUBJECTS.map((subject, k) => ({
    round: 1,
    subject,
    metric: 'latency' as const,
    at: { loadPercent: 50 },
    edgesNs: [10_000, 20_000, 40_000, 80_000],
    counts: [0, 900, 90, 10].map((count) => count * (k + 1)),
  }));
  return reportOf(samples, { distributions });
}
