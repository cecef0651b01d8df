/** bench: how fast this version is on this host, beside other switches. The benchmarks run as a program of their own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { SwitchView } from '../../control/model.ts';
import { programFile } from '../../program-file.ts';
import { Cli, examples, note } from '../cli.ts';
import { CliError, ProgramFailed } from '../errors.ts';

const PROGRAM = programFile(import.meta.url, '../../../bench/user');
const SECONDS_MIN = 0.1;
const SECONDS_MAX = 60;

interface BenchOptions {
  quick?: boolean;
  kind: string;
  seconds?: number;
}

export function addBenchCommand(program: Command): void {
  const bench = program
    .command('bench')
    .description(
      'measure this version on this host, beside the Linux bridge and, where they are installed, Open vSwitch and vde_switch',
    )
    .addOption(
      new Option('--kind <kind>', 'kind of the ports that are measured')
        .choices(['veth', 'tap', 'packet', 'xdp'])
        .default('veth'),
    )
    .option('--quick', 'one round instead of three: about half a minute, and no spread')
    .option('--seconds <n>', 'length of each measurement (default: 1)', parseSeconds);
  bench.action(async (options: BenchOptions) => {
    const cli = new Cli(bench);
    const code = await runProgram(await argumentsFor(cli, options));
    if (code !== 0) throw new ProgramFailed(code);
  });
  note(
    bench,
    'It makes and removes namespaces and a switch of its own, with the workers and the busy polling of the running daemon, if there is one. It takes about two minutes and keeps two processors busy.',
  );
  examples(bench, ['bench', 'bench --quick --kind tap', 'bench --json > result.json']);
}

async function argumentsFor(cli: Cli, options: BenchOptions): Promise<string[]> {
  if (process.getuid?.() !== 0) {
    throw new CliError('bench makes network namespaces, which takes root: run it as root (sudo tswitch bench)');
  }
  if (!existsSync(PROGRAM)) throw new CliError(`this installation has no benchmarks: ${PROGRAM} is missing`);
  const daemon = await settingsOfDaemon(cli);
  return [
    '--kind',
    options.kind,
    ...(daemon === null
      ? []
      : ['--workers', String(daemon.workers), '--busy-poll-micros', String(daemon.busyPollMicros)]),
    ...(options.quick ? ['--quick'] : []),
    ...(options.seconds === undefined ? [] : ['--seconds', String(options.seconds)]),
    ...(cli.json ? ['--json'] : []),
  ];
}

/** What decides the speed of the daemon on the socket, which the user asks for; null if none runs there. */
async function settingsOfDaemon(cli: Cli): Promise<Pick<SwitchView, 'workers' | 'busyPollMicros'> | null> {
  try {
    return (await cli.client.get<SwitchView>('/v1/switch')).body;
  } catch (error) {
    if (error instanceof CliError) return null;
    throw error;
  }
}

/**
 * Runs the benchmarks and waits for their end, also when told to stop: they remove what they made. They are in a group of
 * their own, so that Ctrl-C reaches them once, through here.
 *
 * @returns the exit code
 */
async function runProgram(args: readonly string[]): Promise<number> {
  const argv = ['--disable-warning=ExperimentalWarning', PROGRAM, ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', reject);
  child.on('close', (code) => resolve(code ?? 1));
  let isTold = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!isTold) child.kill(signal);
      isTold = true;
    });
  }
  return promise;
}

function parseSeconds(text: string): number {
  const value = /^[0-9]{1,2}(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= SECONDS_MIN && value <= SECONDS_MAX) return value;
  throw new InvalidArgumentError(`Give seconds from ${SECONDS_MIN} to ${SECONDS_MAX}.`);
}
