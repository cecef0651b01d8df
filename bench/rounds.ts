/** The rounds of a run: every subject is set up, measured and taken down once per round, in an order that rotates. */
import type { Failure, MetricName, Sample } from './metrics.ts';
import type { MicroRow } from './micro/micro.ts';
import type { Settings } from './settings.ts';
import { meet } from './system/hosts.ts';
import { measureFootprint } from './system/measure/footprint.ts';
import { measureFrameRate } from './system/measure/frame-rate.ts';
import { checkIntegrity } from './system/measure/integrity.ts';
import { measureRoundTrip } from './system/measure/round-trip.ts';
import { measureTcp } from './system/measure/tcp.ts';
import type { Bench, Subject } from './system/subject.ts';
import { TswitchSubject } from './system/tswitch.ts';

/** What a run gathers. */
export class Results {
  readonly samples: Sample[] = [];
  /** What the micro-benchmarks say; each is a sample of round 0 too. */
  readonly micro: MicroRow[] = [];
  readonly failures: Failure[] = [];

  add(round: number, subject: string, metric: MetricName, value: number): void {
    this.samples.push({ round, subject, metric, value });
  }

  /** Runs one measurement; its failure is noted and costs the run nothing else, unless the run is being aborted. */
  async attempt(round: number, subject: string, signal: AbortSignal, measure: () => Promise<void>): Promise<void> {
    try {
      await measure();
    } catch (error) {
      signal.throwIfAborted();
      this.failures.push({ round, subject, message: describe(error) });
    }
  }
}

/** On one line. A failed clean-up after a failed measurement says both. */
function describe(error: unknown): string {
  if (error instanceof SuppressedError) return `${describe(error.suppressed)}; then ${describe(error.error)}`;
  return (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s*\n\s*/g, ' | ');
}

/** @param progress is told what comes next and how many steps are left, that one included */
export async function runRounds(
  bench: Bench,
  subjects: readonly Subject[],
  settings: Settings,
  results: Results,
  progress: (next: string, stepsLeft: number) => void,
): Promise<void> {
  let stepsLeft = settings.rounds * subjects.length;
  for (let round = 1; round <= settings.rounds; round++) {
    for (let k = 0; k < subjects.length; k++) {
      const subject = subjects[(k + round - 1) % subjects.length]!;
      progress(`round ${round} of ${settings.rounds}: ${subject.name}`, stepsLeft--);
      await results.attempt(round, subject.name, bench.signal, () => runOnce(bench, subject, settings, round, results));
    }
  }
  for (const subject of subjects) {
    if (!(subject instanceof TswitchSubject)) continue;
    progress(`idle: ${subject.name}`, 1);
    await results.attempt(0, subject.name, bench.signal, async () => {
      const footprint = await measureFootprint(bench, subject, settings);
      results.add(0, subject.name, 'idleCpuPercent2', footprint.idleCpuPercent2);
      results.add(0, subject.name, 'idleCpuPercent8', footprint.idleCpuPercent8);
      results.add(0, subject.name, 'rssBytes8', footprint.rssBytes8);
    });
  }
}

async function runOnce(
  bench: Bench,
  subject: Subject,
  settings: Settings,
  round: number,
  results: Results,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const rig = await subject.setUp(bench, stack);
  await meet(rig.a, rig.b, bench.signal);
  const add = (metric: MetricName, value: number): void => results.add(round, subject.name, metric, value);
  const attempt = (measure: () => Promise<void>) => results.attempt(round, subject.name, bench.signal, measure);

  await attempt(async () => add('rttMedianUs', await measureRoundTrip(bench, rig, settings.pings)));
  await attempt(async () => {
    const rate = await measureFrameRate(bench, rig, settings.frameSeconds, settings.flows);
    add('framesPerSecond', rate.framesPerSecond);
    add('lossPercent', rate.lossPercent);
    if (rate.cpuNsPerFrame !== null) add('cpuNsPerFrame', rate.cpuNsPerFrame);
  });
  await attempt(() => checkIntegrity(bench, rig, settings.integritySeconds, settings.flows));
  await attempt(async () => {
    const { there, back } = await measureTcp(bench, rig, settings.tcpSeconds);
    add('tcpBetter', Math.max(there, back));
    add('tcpWorse', Math.min(there, back));
  });
}
