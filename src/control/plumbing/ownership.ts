/**
 * Whose netdev is this? Everything tswitch makes carries a mark in its alias, which says which daemon made it for which port.
 * A daemon that was killed leaves netdevs behind; the next one recognises them by an owner that no longer runs, and touches
 * nothing else. The start time tells a daemon from a stranger who got its pid.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ipJson } from './ip.ts';
import { deleteNetdev } from './netdev.ts';

export interface Mark {
  pid: number;
  /** Start of the process, in clock ticks since boot (proc_pid_stat(5), field 22). */
  start: number;
  /** Inode of the pid namespace in which `pid` means something. */
  pidns: number;
  /** The daemon's instance. */
  id: string;
  port: string;
}

/** At most some 150 bytes, as a port's name has no more than 64; an alias holds 255 (IFALIASZ - 1, linux/if.h). */
const MARK = /^tswitch pid=([0-9]+) start=([0-9]+) pidns=([0-9]+) id=([0-9a-f]+) port=(\S+)$/;

/** Fields of /proc/PID/stat, counted behind the name in parentheses, which may hold spaces and parentheses itself. */
const STAT_STATE = 0;
const STAT_START = 19;

const instanceId = randomBytes(4).toString('hex');

/** The alias for a netdev that this daemon makes. */
export function ownMark(port: string): string {
  const start = processStat(process.pid)?.start ?? 0;
  return `tswitch pid=${process.pid} start=${start} pidns=${pidNamespace()} id=${instanceId} port=${port}`;
}

/** Null for any alias that is not a mark. */
export function parseMark(alias: string | null): Mark | null {
  const match = MARK.exec(alias ?? '');
  if (!match) return null;
  const [, pid = '', start = '', pidns = '', id = '', port = ''] = match;
  return { pid: Number(pid), start: Number(start), pidns: Number(pidns), id, port };
}

/** From another pid namespace nobody can tell, so that owner counts as alive. */
export function isOwnerAlive(mark: Mark): boolean {
  if (mark.pidns !== pidNamespace()) return true;
  const stat = processStat(mark.pid);
  // A process that may not be looked at (/proc mounted with hidepid) counts as alive too.
  if (!stat) return isProcess(mark.pid);
  return !stat.hasEnded && stat.start === mark.start;
}

/** Deletes the netdevs of the daemon's namespace that a dead daemon left there; gives their names. */
export async function removeLeftovers(): Promise<string[]> {
  const removed: string[] = [];
  for (const link of (await ipJson(null, ['link', 'show'])) as { ifname: string; ifalias?: string }[]) {
    const mark = parseMark(link.ifalias ?? null);
    if (!mark || isOwnerAlive(mark)) continue;
    await deleteNetdev(link.ifname);
    removed.push(link.ifname);
  }
  return removed;
}

function pidNamespace(): number {
  return statSync('/proc/self/ns/pid').ino;
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

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
