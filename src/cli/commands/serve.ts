/** serve: the daemon in the foreground. Its parts are loaded when it runs, so that all other commands start fast. */
import { availableParallelism } from 'node:os';
import { Option } from 'commander';
import type { Command } from 'commander';
import { LOG_FORMATS, LOG_LEVELS } from '../../control/log.ts';
import { WORKERS_MAX } from '../../limits.ts';
import { PLUGIN_SOCKET_DEFAULT } from '../../docker/plugin-socket.ts';
import { Cli, examples, note } from '../cli.ts';
import type { DaemonOptions } from '../daemon/daemon.ts';
import { STATE_DEFAULT } from '../daemon/state-file.ts';
import { UsageError } from '../errors.ts';
import { wholeNumber } from '../values.ts';

/** Each worker has rings of its own on every port, so more of them cost memory. */
const WORKERS_DEFAULT_MAX = 4;

/** True: where Docker looks for the socket. */
type ServeFlags = Omit<DaemonOptions, 'docker'> & { docker?: string | true };

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
        .default(workersDefault(), `processors minus one, 1 to ${WORKERS_DEFAULT_MAX}`),
    )
    .option('--group <name>', 'let the members of this group use the socket too (mode 0660 instead of 0600)')
    .option('--listen <host:port>', 'serve the API on TCP too; needs --token-file, or --no-auth on a loopback address')
    .option('--token-file <file>', 'the tokens that TCP clients show; see `tswitch token`')
    .option('--no-auth', 'with --listen on a loopback address: every local user may use the API without a token')
    .option('--allow-host <name...>', 'names that clients may use for this machine, beside its addresses and localhost')
    .addOption(
      new Option('--log-level <level>', 'what is logged on standard error: this and what is more serious')
        .choices(LOG_LEVELS)
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'text for people and the journal, or a JSON document per line')
        .choices(LOG_FORMATS)
        .default('text'),
    )
    .option(
      '--allow-logic-over-tcp',
      'with --listen: full tokens may load and change logics, which is running code as the daemon',
    )
    .option(
      '--state <file>',
      `keep the configuration in this file, for the next start, which takes over the ports that are still there (default: ${STATE_DEFAULT}; with another --socket, beside that)`,
    )
    .option('--config <file>', 'begin with this configuration file (YAML or JSON) in place of what was kept')
    .option(
      '--docker [socket]',
      `be a network and IPAM driver of Docker, called like the socket (default: ${PLUGIN_SOCKET_DEFAULT})`,
    )
    .option('--ephemeral', 'keep nothing, and remove the ports at the end');
  serve.action(async ({ docker, ...flags }: ServeFlags) => {
    const socket = docker === true ? PLUGIN_SOCKET_DEFAULT : docker;
    const options = { ...flags, ...(socket === undefined ? {} : { docker: socket }) };
    checkOptions(options);
    const { runDaemon } = await import('../daemon/daemon.ts');
    await runDaemon(new Cli(serve), options);
  });
  note(
    serve,
    'SIGHUP reads the token file anew, and applies the file of `--config` if that has changed; SIGTERM and SIGINT end the daemon.',
  );
  serve.addHelpText('after', `On this machine --workers is ${workersDefault()} by default.`);
  examples(serve, [
    'serve',
    'serve --config lan.yaml',
    'serve --socket /tmp/lab.sock --workers 2 --ephemeral',
    'serve --listen 127.0.0.1:8080 --token-file /etc/tswitch/tokens.json',
    'serve --docker',
    'serve --log-level debug --log-format json',
  ]);
}

function workersDefault(): number {
  return Math.min(Math.max(availableParallelism() - 1, 1), WORKERS_DEFAULT_MAX);
}

function checkOptions({
  listen,
  tokenFile,
  auth,
  allowHost,
  allowLogicOverTcp,
  state,
  ephemeral,
  docker,
}: DaemonOptions): void {
  if (listen === undefined && (!auth || allowHost || allowLogicOverTcp)) {
    const option = auth ? (allowHost ? '--allow-host' : '--allow-logic-over-tcp') : '--no-auth';
    throw new UsageError(`${option} is for TCP: give --listen too`);
  }
  if (listen !== undefined && auth && tokenFile === undefined) {
    throw new UsageError('--listen needs --token-file, or --no-auth on a loopback address');
  }
  if (docker !== undefined && !docker.startsWith('/')) {
    throw new UsageError(`--docker takes the path of a socket: ${docker} does not begin with /`);
  }
  if (docker !== undefined && ephemeral) {
    throw new UsageError(
      'Docker tells of its networks only once: --docker needs what is kept, so leave out --ephemeral',
    );
  }
  if (state !== undefined && ephemeral) {
    throw new UsageError('--ephemeral keeps nothing, so it needs no --state: give one of them');
  }
}
