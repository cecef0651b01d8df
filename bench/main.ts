/**
 * npm run bench: measures tswitch beside other switches, on the same host and in the same run. The report goes to stdout,
 * progress to stderr, and result, report and plots as files into bench/results/. See README.md for the method.
 */
import { fileURLToPath } from 'node:url';
import { prepareEnvironment } from './child-environment.ts';
import { chooseCores } from './cores.ts';
import { describeEnvironment } from './environment.ts';
import { makeFolder, removeLeftovers, runPrefix } from './leftovers.ts';
import { conditionsKey } from './metrics.ts';
import { MICRO_BENCHMARKS, type MicroBenchmark } from './micro/micro.ts';
import { renderReport } from './report/markdown.ts';
import type { Report } from './report/report.ts';
import { AT_REST, MEASUREMENTS, PLANNED_SUBJECTS, PLANS, type Step, tasksOf } from './plan.ts';
import { makeProgress } from './progress.ts';
import { Results } from './results.ts';
import { runRounds, secondsOfRun } from './rounds.ts';
import { type Options, parseOptions, USAGE } from './settings.ts';
import type { Subject } from './system/subject.ts';
import { NAMED_SUBJECTS, SUBJECTS, whyNot } from './system/subjects.ts';
import { writeResults } from './write-results.ts';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));

/** What a run would do, before anything is looked at. */
interface Wanted {
  plan: readonly Step[];
  subjects: Subject[];
  atRest: Subject[];
  micro: readonly MicroBenchmark[];
}

function wantedBy({ size, only, measure }: Options): Wanted {
  const planned = PLANNED_SUBJECTS[size];
  const plan = PLANS[size].filter(({ measurement }) => measure?.includes(measurement.name) ?? true);
  const subjects = only
    ? [...SUBJECTS, ...NAMED_SUBJECTS].filter(({ name }) => only.includes(name))
    : SUBJECTS.filter(({ name }) => planned?.includes(name) ?? true);
  const micro = MICRO_BENCHMARKS.filter(({ name }) => only?.includes(name) ?? measure === null);
  const atRest = measure === null ? subjects.filter(({ name }) => AT_REST[size].includes(name)) : [];
  return { plan, subjects: subjects.filter((subject) => tasksOf(plan, subject).size > 0), atRest, micro };
}

/** @returns the exit code */
async function main(options: Options, signal: AbortSignal): Promise<number> {
  const { settings, size } = options;
  const { plan, subjects, atRest, micro } = wantedBy(options);
  const environment = await describeEnvironment();
  const results = new Results();
  const runnable: Subject[] = [];
  await removeLeftovers();
  try {
    await using stack = new AsyncDisposableStack();
    const bench = { prefix: runPrefix(), folder: await makeFolder(stack), ...chooseCores(), signal };
    for (const subject of subjects) {
      const reason = await whyNot(bench, subject);
      if (reason === null) runnable.push(subject);
      else {
        results.leaveOut(subject.name, reason);
        console.error(`skipped ${subject.name}: ${reason}`);
      }
    }
    // Where figures mean nothing, both cores serve to save time.
    const microCores = size === 'smoke' ? [bench.generatorCore, bench.switchCore] : [bench.switchCore];
    const run = {
      micro,
      microCores,
      plan,
      subjects: runnable,
      settings,
      atRest: atRest.filter((subject) => runnable.includes(subject)),
    };
    await runRounds({ ...run, bench, progress: makeProgress(secondsOfRun(run)) }, results);
  } catch (error) {
    // Hours of a long run are not to be lost.
    if (!signal.aborted || results.samples.length === 0) throw error;
    results.leaveOut('the rest of the run', 'it was interrupted');
  }
  const report: Report = {
    environment,
    size,
    settings,
    subjects: runnable.map(({ name, about, help }) => ({ name, about, help })),
    skipped: results.skipped,
    samples: results.samples,
    distributions: results.distributions,
    micro: results.micro,
    failures: results.failures,
  };
  const markdown = renderReport(report);
  if (!signal.aborted) console.log(markdown);
  const file = await writeResults(report, markdown, options.output ?? RESULTS);
  console.error(signal.aborted ? `interrupted; everything was removed; so far: ${file}` : `written to ${file}`);
  return results.failures.length > 0 ? 1 : 0;
}

/** What there is, and what a run with these options would do. */
function renderList(options: Options): string {
  const { plan, subjects, atRest, micro } = wantedBy(options);
  const run = { plan, subjects, settings: options.settings, micro, atRest };
  const names = (list: readonly { name: string }[]): string => list.map(({ name }) => name).join(', ');
  return [
    'subjects:',
    ...[...SUBJECTS, ...NAMED_SUBJECTS].map(({ name, about, help }) => `  ${name}: ${about}${help ? `; ${help}` : ''}`),
    `micro-benchmarks: ${names(MICRO_BENCHMARKS)}`,
    'measurements:',
    ...MEASUREMENTS.map(({ name, about }) => `  ${name}: ${about}`),
    `this run: ${names([...subjects, ...micro]) || 'nothing'}; about ${Math.ceil(secondsOfRun(run) / 60)} minutes`,
    ...plan.map(
      ({ measurement, subjects: by, at }) =>
        `  ${measurement.name}${by === null ? '' : ` (${by.join(', ')})`}: ${at.map((one) => conditionsKey(one) || 'once').join('; ')}`,
    ),
  ].join('\n');
}

/** One line about what is wrong with the command line or the user; null if nothing is. */
function refusal({ only, measure, list }: Options): string | null {
  const subjects = [...SUBJECTS, ...NAMED_SUBJECTS, ...MICRO_BENCHMARKS].map(({ name }) => name);
  const measurements = MEASUREMENTS.map(({ name }) => name);
  const unknown = only?.find((name) => !subjects.includes(name));
  if (unknown !== undefined) return `--only: there is no ${unknown}; there are ${subjects.join(', ')}`;
  const unmeasured = measure?.find((name) => !measurements.includes(name));
  if (unmeasured !== undefined) return `--measure: there is no ${unmeasured}; there are ${measurements.join(', ')}`;
  return list || process.getuid?.() === 0 ? null : 'the benchmarks make namespaces and need root';
}

function readOptions(): Options {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const refused = refusal(options);
if (refused !== null) {
  console.error(refused);
  process.exit(2);
}
if (options.list) {
  console.log(renderList(options));
  process.exit(0);
}
prepareEnvironment();
const abort = new AbortController();
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    process.exitCode = EXIT_CODES[name];
    abort.abort();
  });
}
try {
  const code = await main(options, abort.signal);
  process.exitCode ??= code;
} catch (error) {
  if (!abort.signal.aborted) throw error;
  console.error('interrupted; everything was removed');
}
