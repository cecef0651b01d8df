/** serve: the daemon in the foreground. Only here are the server's parts loaded, so that all other commands start fast. */
import { availableParallelism } from 'node:os';
import { Option } from 'commander';
import type { Command } from 'commander';
import { WORKERS_MAX } from '../../limits.ts';
import { VERSION } from '../../version.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, UsageError } from '../errors.ts';
import { wholeNumber } from '../values.ts';

/** Each worker has rings of its own on every port, so more of them cost memory. */
const WORKERS_DEFAULT_MAX = 4;

interface ServeOptions {
  workers: number;
  group?: string;
  listen?: string;
  tokenFile?: string;
  /** False with --no-auth. */
  auth: boolean;
  allowHost?: string[];
}

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
    .option('--group <name>', 'let the members of this group use the socket too (mode 0660 instead of 0600)')
    .option('--listen <host:port>', 'serve the API on TCP too; needs --token-file, or --no-auth on a loopback address')
    .option('--token-file <file>', 'the tokens that TCP clients show; see `tswitch token`')
    .option('--no-auth', 'with --listen on a loopback address: every local user may use the API without a token')
    .option('--allow-host <name...>', 'names that clients may use for this machine, beside its addresses and localhost')
    .option('--ephemeral', 'remove the ports at the end; as of now they are removed in any case');
  serve.action(async (options: ServeOptions) => {
    await runDaemon(new Cli(serve), options);
  });
  examples(serve, [
    'serve',
    'serve --socket /tmp/lab.sock --workers 2',
    'serve --listen 127.0.0.1:8080 --token-file /etc/tswitch/tokens.json',
  ]);
}

function workersDefault(): number {
  return Math.min(Math.max(availableParallelism() - 1, 1), WORKERS_DEFAULT_MAX);
}

async function runDaemon(cli: Cli, options: ServeOptions): Promise<void> {
  const stop = Promise.withResolvers<void>();
  // Also while starting and ending: nothing that was made may be left behind because someone was impatient.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.resolve());
  checkOptions(options);
  const { workers, group = null, listen, tokenFile, auth, allowHost = [] } = options;
  const [{ assertPrivileges }, { claimSocket, serveApi }, { createSwitch }, { TokenStore }] = await loadServer();
  const tokens = tokenFile === undefined ? null : new TokenStore(tokenFile);
  const tcp = listen === undefined ? null : { listen, tokens: auth ? tokens : null, allowHosts: allowHost };
  assertPrivileges();
  await claimSocket(cli.socket);
  const control = await createSwitch({ workers, log: (message) => process.stderr.write(`tswitch: ${message}\n`) });
  try {
    const api = await serveApi(control, { socket: cli.socket, group, tokens, tcp });
    cli.print(`tswitch ${VERSION} listening on ${cli.socket}${api.url === null ? '' : ` and ${api.url}`}`);
    await stop.promise;
    await api.close();
  } finally {
    await control.close();
  }
}

function checkOptions({ listen, tokenFile, auth, allowHost }: ServeOptions): void {
  if (listen === undefined && (!auth || allowHost)) {
    throw new UsageError(`${auth ? '--allow-host' : '--no-auth'} is for TCP: give --listen too`);
  }
  if (listen !== undefined && auth && tokenFile === undefined) {
    throw new UsageError('--listen needs --token-file, or --no-auth on a loopback address');
  }
}

/** Loading binds the FFI library, which may be missing or misnamed: that is for the user to mend, and one line says it. */
async function loadServer() {
  try {
    return await Promise.all([
      import('../../control/plumbing/capabilities.ts'),
      import('../../api/server.ts'),
      import('../../control/switch.ts'),
      import('../../api/tokens.ts'),
    ]);
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
