/**
 * How the demo runs other programs: argument vectors only, English output, and ended when the demo is told to stop. A
 * process that has to be found again after the demo's death is known by its pid and start time, as pids are reused.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
/** English for what is parsed; the folders of `ip` and the like for a root without a login shell. */
const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** Gives what the program printed. Throws what it said on stderr where it exits with another code than 0. */
export async function run(program: string, args: string[], signal?: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await attempt(program, args, signal);
  if (code !== 0) throw new Error(stderr.trim() || `${program} ${args.join(' ')} ended with ${code}`);
  return stdout;
}

/** The same for programs whose exit code is an answer. */
export async function attempt(
  program: string,
  args: string[],
  signal?: AbortSignal,
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await execFileAsync(program, args, { env, ...(signal && { signal }) })) };
  } catch (error) {
    if (isExit(error)) return error;
    throw error;
  }
}

/** Node's error for a program that ran and gave a code; those for one that never ran have a name as `code`. */
function isExit(error: unknown): error is { code: number; stdout: string; stderr: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

export interface ProcessId {
  pid: number;
  /** In clock ticks since boot: field 22 of /proc/PID/stat (proc(5)). */
  startTime: string;
}

/** null: there is no such process, or only what its parent has not collected yet. */
export function processId(pid: number): ProcessId | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name, in parentheses, may hold anything; fields are counted behind it, from the state, which is the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : { pid, startTime: fields[19]! };
}

export function isAlive(process: ProcessId): boolean {
  return processId(process.pid)?.startTime === process.startTime;
}

/** Ends it with SIGTERM, and with SIGKILL where that did not help within `graceMs`. */
export async function endProcess(target: ProcessId, graceMs: number): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isAlive(target)) return;
    process.kill(target.pid, signal);
    const deadline = performance.now() + graceMs;
    while (isAlive(target) && performance.now() < deadline) await sleep(20);
  }
}
