/**
 * npm run bench: measures tswitch beside other switches, on the same host and in the same run. The report goes to stdout,
 * progress to stderr, and everything as JSON into bench/results/. See README.md for the method.
 */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeEnvironment } from './environment.ts';
import { makeFolder, removeLeftovers, runPrefix } from './leftovers.ts';
import { MICRO_BENCHMARKS, runMicro } from './micro/micro.ts';
import { renderReport, type Report } from './report.ts';
import { Results, runRounds } from './rounds.ts';
import { type Options, parseOptions, USAGE } from './settings.ts';
import { bareVeth } from './system/bare-veth.ts';
import { linuxBridge } from './system/linux-bridge.ts';
import { ovsNetdev } from './system/ovs-netdev.ts';
import type { Subject } from './system/subject.ts';
import { tswitch } from './system/tswitch.ts';
import { vdeSwitch } from './system/vde.ts';

const SUBJECTS: readonly Subject[] = [
  tswitch('veth'),
  tswitch('tap'),
  tswitch('xdp'),
  linuxBridge,
  ovsNetdev,
  vdeSwitch,
  bareVeth,
];
/** Run only if named: what several workers cost and gain. They share the switch's core, so the cost is what shows. */
const NAMED_SUBJECTS: readonly Subject[] = [tswitch('veth', 2), tswitch('veth', 4)];
const RESULTS = fileURLToPath(new URL('results', import.meta.url));

/** @returns the exit code */
async function main(options: Options, signal: AbortSignal): Promise<number> {
  const { settings, size, only } = options;
  const chosen = [...SUBJECTS.filter(({ name }) => only === null || only.includes(name)), ...named(only)];
  const chosenMicro = MICRO_BENCHMARKS.filter(({ name }) => only === null || only.includes(name));
  const runnable = chosen.filter((subject) => subject.unavailable() === null);
  const skipped = chosen.flatMap((subject) => {
    const reason = subject.unavailable();
    return reason === null ? [] : [{ name: subject.name, reason }];
  });
  for (const { name, reason } of skipped) console.error(`skipped ${name}: ${reason}`);

  const environment = await describeEnvironment();
  const results = new Results();
  await removeLeftovers();
  {
    await using stack = new AsyncDisposableStack();
    const [generatorCore = 0, switchCore = generatorCore] = allowedCores();
    const bench = { prefix: runPrefix(), folder: await makeFolder(stack), generatorCore, switchCore, signal };
    for (const micro of chosenMicro) {
      console.error(micro.name);
      await results.attempt(0, micro.name, signal, () => runMicro(bench, micro, settings, results));
    }
    await runRounds(bench, runnable, settings, results, makeProgress());
  }
  const subjects = runnable.map(({ name, about }) => ({ name, about }));
  const { samples, failures } = results;
  const report: Report = { environment, size, settings, subjects, skipped, samples, failures };
  console.log(renderReport(report));
  console.error(`written to ${await writeResults(report, options.output ?? RESULTS)}`);
  return failures.length > 0 ? 1 : 0;
}

function named(only: readonly string[] | null): Subject[] {
  return NAMED_SUBJECTS.filter(({ name }) => only?.includes(name));
}

/** The cores this process may run on. */
function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, k) => first + k);
  });
}

function makeProgress(): (next: string, stepsLeft: number) => void {
  const startMs = performance.now();
  let done = 0;
  return (next, stepsLeft) => {
    const secondsLeft = done === 0 ? null : Math.ceil(((performance.now() - startMs) / done / 1000) * stepsLeft);
    console.error(secondsLeft === null ? next : `${next} (about ${secondsLeft} s left)`);
    done++;
  };
}

async function writeResults(report: Report, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${report.environment.date.replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

/** One line about what is wrong with the command line or the user; null if nothing is. */
function refusal({ only }: Options): string | null {
  const names = [...SUBJECTS, ...NAMED_SUBJECTS, ...MICRO_BENCHMARKS].map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) return `there is no ${unknown}; there are ${names.join(', ')}`;
  return process.getuid?.() === 0 ? null : 'the benchmarks make namespaces and need root';
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
// Debian's `su` leaves out the folders that ip, ethtool and the switches are in.
process.env['PATH'] += ':/usr/sbin:/sbin';
const abort = new AbortController();
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    process.exitCode = EXIT_CODES[name];
    abort.abort();
  });
}
try {
  process.exitCode = await main(options, abort.signal);
} catch (error) {
  if (!abort.signal.aborted) throw error;
  console.error('interrupted; everything was removed');
}
