/** serve: the daemon in the foreground. Only here are the server's parts loaded, so that all other commands start fast. */
import { availableParallelism } from 'node:os';
import { Option } from 'commander';
import type { Command } from 'commander';
import { WORKERS_MAX } from '../../limits.ts';
import { VERSION } from '../../version.ts';
import { Cli, examples } from '../cli.ts';
import { CliError } from '../errors.ts';
import { wholeNumber } from '../values.ts';

/** Each worker has rings of its own on every port, so more of them cost memory. */
const WORKERS_DEFAULT_MAX = 4;

export function addServeCommand(program: Command): void {
  const serve = program
    .command('serve')
    .description('run the switch in the foreground until SIGTERM or SIGINT')
    .addOption(
      new Option(
        '--workers <n>',
        'threads that forward frames; each has rings of its own on every port, so more of them cost memory',
      )
        .argParser(wholeNumber(1, WORKERS_MAX))
        .default(workersDefault(), `processors minus one, 1 to ${WORKERS_DEFAULT_MAX}: here ${workersDefault()}`),
    )
    .option('--ephemeral', 'remove the ports at the end; as of now they are removed in any case');
  serve.action(async (options: { workers: number }) => {
    await runDaemon(new Cli(serve), options.workers);
  });
  examples(serve, ['serve', 'serve --socket /tmp/lab.sock --workers 2']);
}

function workersDefault(): number {
  return Math.min(Math.max(availableParallelism() - 1, 1), WORKERS_DEFAULT_MAX);
}

async function runDaemon(cli: Cli, workers: number): Promise<void> {
  const stop = Promise.withResolvers<void>();
  // Also while starting and ending: nothing that was made may be left behind because someone was impatient.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.resolve());
  const [{ assertPrivileges }, { claimSocket, serveApi }, { createSwitch }] = await loadServer();
  assertPrivileges();
  await claimSocket(cli.socket);
  const control = await createSwitch({ workers, log: (message) => process.stderr.write(`tswitch: ${message}\n`) });
  try {
    const api = await serveApi(control, { socket: cli.socket });
    cli.print(`tswitch ${VERSION} listening on ${cli.socket}`);
    await stop.promise;
    await api.close();
  } finally {
    await control.close();
  }
}

/** Loading binds the FFI library, which may be missing or misnamed: that is for the user to mend, and one line says it. */
async function loadServer() {
  try {
    return await Promise.all([
      import('../../control/plumbing/capabilities.ts'),
      import('../../api/server.ts'),
      import('../../control/switch.ts'),
    ]);
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
