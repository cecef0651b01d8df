/**
 * Which process made something, in a way that can be looked at later: the pid alone may be a stranger's by then. Needs no FFI, so every
 * command may ask.
 */
import { readFileSync, statSync } from 'node:fs';

export interface ProcessMark {
  pid: number;
  /** Start of the process, in clock ticks since boot (proc_pid_stat(5), field 22). */
  start: number;
  /** Inode of the pid namespace in which `pid` means something. */
  pidns: number;
}

/** Fields of /proc/PID/stat, counted behind the name in parentheses, which may hold spaces and parentheses itself. */
const STAT_STATE = 0;
const STAT_START = 19;

/** Of this process. */
export function ownMark(): ProcessMark {
  return processMark(process.pid);
}

/** Of a process in this one's pid namespace. */
export function processMark(pid: number): ProcessMark {
  return { pid, start: processStat(pid)?.start ?? 0, pidns: pidNamespace() };
}

export function isSameProcess(one: ProcessMark, other: ProcessMark): boolean {
  return one.pid === other.pid && one.start === other.start && one.pidns === other.pidns;
}

/** From another pid namespace nobody can tell, so that process counts as alive. */
export function isProcessAlive(mark: ProcessMark): boolean {
  if (mark.pidns !== pidNamespace()) return true;
  const stat = processStat(mark.pid);
  // A process that may not be looked at (/proc mounted with hidepid) counts as alive too.
  if (!stat) return isProcess(mark.pid);
  return !stat.hasEnded && stat.start === mark.start;
}

/** Null where there is no such process, or none that may be seen. `start` is as in a mark. */
export function processStat(pid: number): { start: number; hasEnded: boolean } | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[STAT_STATE] ?? '';
  // Ended, but its parent has not asked after it yet (Z), or just going (X): it holds nothing any more.
  return { start: Number(fields[STAT_START]), hasEnded: state === 'Z' || state === 'X' };
}

function pidNamespace(): number {
  return statSync('/proc/self/ns/pid').ino;
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
