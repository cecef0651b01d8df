/** The rounds of a run: every subject is set up, measured and taken down once per round, in an order that rotates. */
import type { Context } from './measurement.ts';
import {
  type Conditions,
  conditionsKey,
  type Distribution,
  type Failure,
  type MetricName,
  type Sample,
} from './metrics.ts';
import type { MicroRow } from './micro/micro.ts';
import { secondsOf, type Step, type Task, tasksOf } from './plan.ts';
import type { Settings } from './settings.ts';
import { meet } from './system/hosts.ts';
import { measureFootprint } from './system/measure/footprint.ts';
import type { LatencySummary } from './system/measure/latency-histogram.ts';
import type { Bench, Layout, Subject } from './system/subject.ts';

/** What could not be measured, and why; nothing failed. */
export interface Skipped {
  name: string;
  reason: string;
}

/** What a run gathers. */
export class Results {
  readonly samples: Sample[] = [];
  readonly distributions: Distribution[] = [];
  /** What the micro-benchmarks say; each is a sample of round 0 too. */
  readonly micro: MicroRow[] = [];
  readonly failures: Failure[] = [];
  readonly skipped: Skipped[] = [];

  add(round: number, subject: string, metric: MetricName, value: number, at?: Conditions): void {
    this.samples.push({ round, subject, metric, value, ...(at && { at }) });
  }

  addLatency(round: number, subject: string, summary: LatencySummary, at: Conditions): void {
    this.add(round, subject, 'latencyP50Us', summary.p50 / 1000, at);
    this.add(round, subject, 'latencyP90Us', summary.p90 / 1000, at);
    this.add(round, subject, 'latencyP99Us', summary.p99 / 1000, at);
    this.add(round, subject, 'latencyP999Us', summary.p999 / 1000, at);
    this.add(round, subject, 'latencyMaxUs', summary.max / 1000, at);
    const { edgesNs, counts } = summary;
    this.distributions.push({ round, subject, metric: 'latency', at, edgesNs, counts });
  }

  /** Once, however many rounds say so. */
  leaveOut(name: string, reason: string): void {
    if (!this.skipped.some((other) => other.name === name && other.reason === reason))
      this.skipped.push({ name, reason });
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
  const message = error instanceof Error ? error.message : String(error);
  const text = error instanceof MeasurementError ? `${message}: ${describe(error.cause)}` : message;
  return text.trim().replaceAll(/\s*\n\s*/g, ' | ');
}

/** Says which measurement it was that failed, and under which conditions. */
class MeasurementError extends Error {}

export interface Run {
  readonly bench: Bench;
  readonly plan: readonly Step[];
  readonly subjects: readonly Subject[];
  readonly settings: Settings;
  /** Those whose CPU time and memory at rest are measured: the first in every round, the others in the first. */
  readonly atRest: readonly Subject[];
  /** Is told what comes next, and about how long it takes, in seconds. */
  readonly progress: (next: string, seconds: number) => void;
}

/** About how long all of it takes, in seconds. */
export function secondsOfRun({ plan, subjects, settings, atRest }: Omit<Run, 'bench' | 'progress'>): number {
  let seconds = 0;
  for (const subject of subjects) {
    seconds += settings.rounds * secondsOf(tasksOf(plan, subject), settings);
  }
  for (let round = 1; round <= settings.rounds; round++) {
    seconds += atRestIn(round, atRest).length * footprintSeconds(settings);
  }
  return seconds;
}

export async function runRounds(run: Run, results: Results): Promise<void> {
  const { bench, plan, subjects, settings, progress } = run;
  for (let round = 1; round <= settings.rounds; round++) {
    for (let k = 0; k < subjects.length; k++) {
      const subject = subjects[(k + round - 1) % subjects.length]!;
      const tasks = tasksOf(plan, subject);
      if (tasks.size === 0) continue;
      progress(`round ${round} of ${settings.rounds}: ${subject.name}`, secondsOf(tasks, settings));
      const known = new Map<string, number>();
      for (const [layout, inLayout] of tasks) {
        await results.attempt(round, subject.name, bench.signal, () =>
          measureLayout(run, results, { round, subject, layout, tasks: inLayout, known }),
        );
      }
    }
    for (const subject of atRestIn(round, run.atRest)) {
      progress(`round ${round} of ${settings.rounds}, at rest: ${subject.name}`, footprintSeconds(settings));
      await results.attempt(round, subject.name, bench.signal, () =>
        measureFootprint(bench, subject, settings, (metric, value) => results.add(round, subject.name, metric, value)),
      );
    }
  }
}

function atRestIn(round: number, atRest: readonly Subject[]): readonly Subject[] {
  return round === 1 ? atRest : atRest.slice(0, 1);
}

/** What one set-up of a subject is for. */
interface Sitting {
  round: number;
  subject: Subject;
  layout: Layout;
  tasks: readonly Task[];
  known: Map<string, number>;
}

async function measureLayout({ bench, settings }: Run, results: Results, sitting: Sitting): Promise<void> {
  const { round, subject, layout, tasks, known } = sitting;
  await using stack = new AsyncDisposableStack();
  const rig = await subject.setUp(bench, stack, layout);
  // A host behind a trunk does not understand tags, so it cannot meet anybody.
  if (layout !== 'trunk') await meet(rig.hosts, bench.signal);
  const context: Context = {
    bench,
    rig,
    settings,
    known,
    add: (metric, value, at) => results.add(round, subject.name, metric, value, at),
    addLatency: (summary, at) => results.addLatency(round, subject.name, summary, at),
    leaveOut: (reason) => results.leaveOut(subject.name, reason),
  };
  for (const { measurement, at } of tasks) {
    await results.attempt(round, subject.name, bench.signal, async () => {
      try {
        await measurement.measure(context, at);
      } catch (error) {
        throw new MeasurementError(`${measurement.name} ${conditionsKey(at)}`.trim(), { cause: error });
      }
    });
  }
}

function footprintSeconds({ settleSeconds, idleSeconds, footprintPorts }: Settings): number {
  return 3 + 2 * (settleSeconds + idleSeconds) + Math.max(...footprintPorts) * 0.03;
}
