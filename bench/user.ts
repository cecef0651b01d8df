/**
 * What `tswitch bench` runs: this version of tswitch beside the Linux bridge and, where they are installed, Open vSwitch and
 * vde_switch, on this host. A page of answer, or the result as JSON, goes to stdout, progress to stderr.
 */
import { prepareEnvironment } from './child-environment.ts';
import { chooseCores } from './cores.ts';
import { describeEnvironment } from './environment.ts';
import { makeFolder, removeLeftovers, runPrefix } from './leftovers.ts';
import { makeProgress } from './progress.ts';
import type { Report } from './report/report.ts';
import { Results } from './results.ts';
import { runRounds, secondsOfRun } from './rounds.ts';
import type { Bench, Subject } from './system/subject.ts';
import { whyNot } from './system/subjects.ts';
import { renderAnswer } from './user/answer.ts';
import { missingTools, parseUserOptions, type UserOptions } from './user/options.ts';
import { PEERS, settingsOf, USER_PLAN, userSubject } from './user/plan.ts';

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(options: UserOptions, signal: AbortSignal): Promise<number> {
  const environment = await describeEnvironment();
  const settings = settingsOf(options);
  const results = new Results();
  const ours = userSubject(options);
  await removeLeftovers();
  const subjects: Subject[] = [];
  {
    await using stack = new AsyncDisposableStack();
    const bench: Bench = { prefix: runPrefix(), folder: await makeFolder(stack), ...chooseCores(), signal };
    for (const subject of [ours, ...PEERS]) {
      const reason = await whyNot(bench, subject);
      if (reason === null) subjects.push(subject);
      else if (subject === ours) throw new Error(`${ours.name} cannot be set up here: ${reason}`);
      else results.leaveOut(subject.name, reason);
    }
    const run = { bench, plan: USER_PLAN, subjects, settings, micro: [], microCores: [], atRest: [] };
    await runRounds({ ...run, progress: makeProgress(secondsOfRun(run)) }, results);
  }
  const { samples, distributions, failures, skipped } = results;
  const told = subjects.map(({ name, about, help }) => ({ name, about, help }));
  const report: Report = {
    environment,
    size: options.quick ? 'user-quick' : 'user',
    settings,
    subjects: told,
    skipped,
    samples,
    distributions,
    micro: [],
    failures,
  };
  console.log(options.json ? JSON.stringify(report) : renderAnswer(report));
  return failures.length > 0 ? 1 : 0;
}

prepareEnvironment();
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    process.exitCode = EXIT_CODES[name];
    abort.abort();
  });
}
try {
  const options = parseUserOptions(process.argv.slice(2));
  const missing = missingTools();
  if (missing !== null) throw new Error(missing);
  const code = await main(options, abort.signal);
  process.exitCode ??= code;
} catch (error) {
  if (abort.signal.aborted) console.error('tswitch: interrupted; everything was removed');
  else {
    console.error(`tswitch: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
