/** The processes of containers: which one it is, whether it runs, and its end with all that it left in its namespace. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TswitchError } from '../../control/errors.ts';
import { processStat } from '../../control/plumbing/process-mark.ts';
import { runTool } from '../../control/plumbing/tool.ts';
import type { ContainerRecord } from '../model.ts';

const LOOK_MS = 50;
/** What starts a container's command is one program after the other, each within moments. */
const BECOMES_MS_MAX = 2000;
/** What was killed is gone soon, unless it hangs in the kernel. */
const KILLED_MS_MAX = 10_000;

/** In the environment of a container's process stands the id of the container: nobody else's process can be taken for it. */
export const CONTAINER_VARIABLE = 'TSWITCH_CONTAINER';

/**
 * The process, if it was started for the container.
 *
 * @throws TswitchError BAD_REQUEST
 */
export async function processFor(id: string, pid: number): Promise<{ pid: number; start: number }> {
  let environment = '';
  let stat = processStat(pid);
  // While a process takes on another program, its environment is empty for a moment.
  await until(async () => {
    environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    stat = processStat(pid);
    return environment !== '' || stat === null || stat.hasEnded;
  }, BECOMES_MS_MAX);
  if (stat && environment.split('\0').includes(`${CONTAINER_VARIABLE}=${id}`)) return { pid, start: stat.start };
  throw new TswitchError(
    'BAD_REQUEST',
    `pid: ${pid} is no process that was started with ${CONTAINER_VARIABLE}=${id} in its environment`,
  );
}

export function isRunning({ process: known }: ContainerRecord): boolean {
  if (known === null) return false;
  const stat = processStat(known.pid);
  return stat !== null && !stat.hasEnded && stat.start === known.start;
}

/** @param graceMs how long the process may take after SIGTERM; 0: it is killed at once */
export async function endProcess(container: ContainerRecord, graceMs: number): Promise<void> {
  const pid = container.process?.pid;
  if (pid === undefined) return;
  if (graceMs > 0 && isRunning(container)) signal(pid, 'SIGTERM');
  if (graceMs > 0) await until(() => !isRunning(container), graceMs);
  if (isRunning(container)) signal(pid, 'SIGKILL');
  for (const other of await pidsIn(container.netns)) signal(other, 'SIGKILL');
  await until(() => !isRunning(container), KILLED_MS_MAX);
}

/** What still runs in the namespace that was made for the container. */
async function pidsIn(netns: string | null): Promise<number[]> {
  if (netns === null) return [];
  const { stdout } = await runTool('ip', ['netns', 'pids', netns]);
  return stdout.split('\n').filter(Boolean).map(Number);
}

async function until(condition: () => boolean | Promise<boolean>, msMax: number): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await condition()) && performance.now() < deadline) await sleep(LOOK_MS);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
