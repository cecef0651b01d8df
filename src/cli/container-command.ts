/** The processes that `run` and `exec` start: children of the command line, never of the daemon. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { ContainerView } from '../networks/model.ts';
import { CONTAINER_VARIABLE } from '../networks/containers/process.ts';
import { CliError, ProgramFailed } from './errors.ts';

/** Names the host in its own UTS namespace, and becomes the command. */
const NAME_AND_BECOME = 'echo "$1" >/proc/sys/kernel/hostname; shift; exec "$@"';
/** As shells have it: for what a signal ended. */
const SIGNALLED = 128;

/** The container's command, in its namespaces, from the first system call on. */
export function startCommand(container: ContainerView, isDetached: boolean): ChildProcess {
  const { netns, hostname, command, id } = container;
  const named = ['unshare', '--uts', 'sh', '-c', NAME_AND_BECOME, 'sh', hostname, ...command];
  const [program = '', ...args] = netns === null ? named : ['ip', 'netns', 'exec', netns, ...named];
  return spawn(program, args, {
    env: { ...environment(), [CONTAINER_VARIABLE]: id },
    stdio: isDetached ? 'ignore' : 'inherit',
    detached: isDetached,
  });
}

/** Another command beside it. */
export function startBeside({ name, netns, pid }: ContainerView, command: readonly string[]): ChildProcess {
  if (pid === null) throw new CliError(`container ${name} does not run: \`tswitch ps --all\` shows its state`);
  const beside = ['nsenter', `--uts=/proc/${pid}/ns/uts`, '--', ...command];
  const [program = '', ...args] = netns === null ? beside : ['ip', 'netns', 'exec', netns, ...beside];
  return spawn(program, args, { env: environment(), stdio: 'inherit' });
}

/** Waits for its end; the terminal's signals are its own to answer. @throws ProgramFailed with its exit code unless 0 */
export async function outcomeOf(child: ChildProcess): Promise<void> {
  const ignore = (): void => undefined;
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', ignore).on('SIGQUIT', ignore).on('SIGTERM', pass).on('SIGHUP', pass);
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    const status = code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]);
    if (status !== 0) throw new ProgramFailed(status);
  } finally {
    process.off('SIGINT', ignore).off('SIGQUIT', ignore).off('SIGTERM', pass).off('SIGHUP', pass);
  }
}

/** An ordinary user's PATH has no sbin in Debian, where `ip` lives. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin` };
}
