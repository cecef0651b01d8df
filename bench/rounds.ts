/**
 * The rounds of a run. In each, all subjects are set up side by side, and every measurement goes from one to the next before
 * the next measurement begins, in an order that rotates: what slows the machine down for half a minute meets all of them.
 */
import type { Context } from './measurement.ts';
import { inLanes } from './lanes.ts';
import { conditionsKey } from './metrics.ts';
import { type MicroBenchmark, runMicro, secondsOfMicro } from './micro/micro.ts';
import { layoutsOf, secondsOf, SET_UP_SECONDS, type Step, stepsIn, tasksOf, takesPart } from './plan.ts';
import { Present } from './present.ts';
import { tellAll } from './report/conditions.ts';
import { MeasurementError, type Results } from './results.ts';
import type { Settings } from './settings.ts';
import { measureFootprint } from './system/measure/footprint.ts';
import type { Bench, Layout, Subject } from './system/subject.ts';

export interface Run {
  readonly bench: Bench;
  readonly plan: readonly Step[];
  readonly subjects: readonly Subject[];
  readonly settings: Settings;
  readonly micro: readonly MicroBenchmark[];
  /** Those on which they run, as many side by side. */
  readonly microCores: readonly number[];
  /** Those whose CPU time and memory at rest are measured: the first in every round, the others in the first. */
  readonly atRest: readonly Subject[];
  /** Is told what comes next, and about how long it takes, in seconds. */
  readonly progress: (next: string, seconds: number) => void;
}

/** About how long all of it takes, in seconds. */
export function secondsOfRun(run: Omit<Run, 'bench' | 'progress' | 'microCores'>): number {
  const { plan, subjects, settings, micro, atRest } = run;
  let seconds = settings.rounds * micro.length * secondsOfMicro(settings);
  for (const subject of subjects) {
    seconds += settings.rounds * secondsOf(tasksOf(plan, subject), settings);
  }
  for (let round = 1; round <= settings.rounds; round++) {
    seconds += atRestIn(round, atRest).length * footprintSeconds(settings);
  }
  return seconds;
}

export async function runRounds(run: Run, results: Results): Promise<void> {
  const { bench, plan, subjects, settings } = run;
  for (let round = 1; round <= settings.rounds; round++) {
    const name = `round ${round} of ${settings.rounds}`;
    const progress: Run['progress'] = (next, seconds) => run.progress(`${name}: ${next}`, seconds);
    await inLanes(run.micro, run.microCores, async (benchmark, core) => {
      progress(benchmark.name, secondsOfMicro(settings));
      await results.attempt(round, benchmark.name, bench.signal, async () => {
        results.addMicro(round, await runMicro(bench, core, benchmark, settings));
      });
    });
    const known = new Map(subjects.map((subject) => [subject.name, new Map<string, number>()]));
    for (const layout of layoutsOf(plan)) {
      await results.attempt(round, 'all subjects', bench.signal, () =>
        measureLayout({ ...run, progress }, results, { round, layout, known }),
      );
    }
    for (const subject of atRestIn(round, run.atRest)) {
      progress(`${subject.name} at rest`, footprintSeconds(settings));
      await results.attempt(round, subject.name, bench.signal, () =>
        measureFootprint(bench, subject, settings, (metric, value) => results.add(round, subject.name, metric, value)),
      );
    }
  }
}

/** Setting up is mostly waiting for programs to start. */
const SET_UP_LANES = [1, 2] as const;

/** What all subjects are set up for once. */
interface Sitting {
  round: number;
  layout: Layout;
  /** By subject: what earlier measurements of the round found out. */
  known: ReadonlyMap<string, Context['known']>;
}

async function measureLayout(run: Run, results: Results, { round, layout, known }: Sitting): Promise<void> {
  const { bench, plan, subjects, settings, progress } = run;
  await using stack = new AsyncDisposableStack();
  const wanted = subjects.filter((subject) => tasksOf(plan, subject).has(layout));
  const present: Present[] = [];
  await inLanes(wanted, SET_UP_LANES, async (subject) => {
    progress(`setting up ${subject.name}`, SET_UP_SECONDS);
    await results.attempt(round, subject.name, bench.signal, async () => {
      const own = { ...bench, prefix: `${bench.prefix}-${subjects.indexOf(subject)}` };
      present.push(stack.use(await Present.setUp(own, subject, layout, known.get(subject.name)!)));
    });
  });
  present.sort((a, b) => wanted.indexOf(a.subject) - wanted.indexOf(b.subject));
  for (const [number, step] of stepsIn(plan, layout).entries()) {
    const { measurement, at } = step;
    const taking = present.filter(({ subject }) => takesPart(subject, step));
    for (let k = 0; k < taking.length; k++) {
      const one = taking[(k + round + number) % taking.length]!;
      const name = one.subject.name;
      progress(`${[measurement.name, tellAll(at)].join(' ').trim()}, ${name}`, measurement.seconds(settings, at));
      const context: Context = {
        bench,
        rig: one.rig,
        settings,
        known: one.known,
        add: (metric, value, conditions) => results.add(round, name, metric, value, conditions),
        addLatency: (summary, conditions) => results.addLatency(round, name, summary, conditions),
        leaveOut: (reason) => results.leaveOut(name, reason),
      };
      await results.attempt(round, name, bench.signal, async () => {
        try {
          await one.awake(() => measurement.measure(context, at));
        } catch (error) {
          throw new MeasurementError(`${measurement.name} ${conditionsKey(at)}`.trim(), { cause: error });
        }
      });
    }
  }
}

function atRestIn(round: number, atRest: readonly Subject[]): readonly Subject[] {
  return round === 1 ? atRest : atRest.slice(0, 1);
}

function footprintSeconds({ settleSeconds, idleSeconds, footprintPorts }: Settings): number {
  return 3 + 2 * (settleSeconds + idleSeconds) + Math.max(...footprintPorts) * 0.03;
}
