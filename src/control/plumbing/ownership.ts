/**
 * Whose netdev is this? Everything tswitch makes carries a mark in its alias, which says which daemon made it for which port.
 * A daemon that was killed leaves netdevs behind; the next one recognises them by an owner that no longer runs, and touches
 * nothing else. The start time tells a daemon from a stranger who got its pid. A daemon that keeps its state has one id in all
 * of its lives, and takes over what an earlier one made.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { deleteOwnNetdev, listNetdevs } from './netdev.ts';

export interface Mark {
  pid: number;
  /** Start of the process, in clock ticks since boot (proc_pid_stat(5), field 22). */
  start: number;
  /** Inode of the pid namespace in which `pid` means something. */
  pidns: number;
  /** The daemon's, in all of its lives. */
  id: string;
  /** Digest of what it was made to be; null: it is not complete. */
  made: string | null;
  /** Its daemon ended in order and means to come back: nobody else is to remove it. */
  isStopped: boolean;
  port: string;
}

/** At most some 170 bytes, as a port's name has no more than 64; an alias holds 255 (IFALIASZ - 1, linux/if.h). */
const MARK =
  /^tswitch pid=([0-9]+) start=([0-9]+) pidns=([0-9]+) id=([0-9a-f]+)(?: made=([0-9a-f]+))?( stopped)? port=(\S+)$/;
const MADE_DIGITS = 8;

/** Fields of /proc/PID/stat, counted behind the name in parentheses, which may hold spaces and parentheses itself. */
const STAT_STATE = 0;
const STAT_START = 19;

/** One daemon as the owner of netdevs. */
export class Owner {
  readonly id: string;

  /** @param id of its earlier lives */
  constructor(id: string = randomBytes(4).toString('hex')) {
    this.id = id;
  }

  /** The alias for a netdev that this daemon makes or takes over. */
  mark(port: string, { made = null, isStopped = false }: Partial<Pick<Mark, 'made' | 'isStopped'>> = {}): string {
    const start = processStat(process.pid)?.start ?? 0;
    const by = `pid=${process.pid} start=${start} pidns=${pidNamespace()} id=${this.id}`;
    return `tswitch ${by}${made === null ? '' : ` made=${made}`}${isStopped ? ' stopped' : ''} port=${port}`;
  }

  /** The netdev's mark, if this daemon made it for this port, in this life or one before; else null. */
  ownMark(alias: string | null, port: string): Mark | null {
    const mark = parseMark(alias);
    return mark && mark.port === port && this.isOwn(mark) ? mark : null;
  }

  /** Made, or taken over, by this very process. */
  isOfThisLife(mark: Mark): boolean {
    const isThisProcess = mark.pid === process.pid && mark.pidns === pidNamespace();
    return mark.id === this.id && isThisProcess && mark.start === processStat(process.pid)?.start;
  }

  /** Two that run at the same time with one id are two daemons, one of which has a copy of the other's state. */
  isOwn(mark: Mark): boolean {
    if (mark.id !== this.id) return false;
    const isThisProcess = mark.pid === process.pid && mark.pidns === pidNamespace();
    return isThisProcess || mark.pidns !== pidNamespace() || !isOwnerAlive(mark);
  }
}

/** What a netdev is made to be, for its mark: with another digest it has to be made anew. */
export function madeDigest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, MADE_DIGITS);
}

/** Null for any alias that is not a mark. */
export function parseMark(alias: string | null): Mark | null {
  const match = MARK.exec(alias ?? '');
  if (!match) return null;
  const [, pid = '', start = '', pidns = '', id = '', made, stopped, port = ''] = match;
  return {
    pid: Number(pid),
    start: Number(start),
    pidns: Number(pidns),
    id,
    made: made ?? null,
    isStopped: stopped !== undefined,
    port,
  };
}

/** From another pid namespace nobody can tell, so that owner counts as alive. */
export function isOwnerAlive(mark: Mark): boolean {
  if (mark.pidns !== pidNamespace()) return true;
  const stat = processStat(mark.pid);
  // A process that may not be looked at (/proc mounted with hidepid) counts as alive too.
  if (!stat) return isProcess(mark.pid);
  return !stat.hasEnded && stat.start === mark.start;
}

/**
 * Deletes the netdevs of the daemon's namespace that a dead daemon left there, and of the caller's own those that it does not
 * keep; gives their names.
 *
 * @param owner the caller; null: nothing is its own yet
 * @param keeps whether a netdev of its own is still wanted
 */
export async function removeLeftovers(
  owner: Owner | null = null,
  keeps: (netdev: string, mark: Mark) => boolean = () => false,
): Promise<string[]> {
  const removed: string[] = [];
  for (const { index, name, alias } of listNetdevs(null)) {
    const mark = parseMark(alias);
    if (!mark) continue;
    const stays = owner?.isOwn(mark) ? keeps(name, mark) : mark.isStopped || isOwnerAlive(mark);
    if (stays) continue;
    // Its daemon may have come back since it was listed, and then the mark is another.
    await deleteOwnNetdev(index, (now) => now === alias);
    removed.push(name);
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
