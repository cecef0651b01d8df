/**
 * Whose netdev is this? Everything tswitch makes carries a mark in its alias, which says which daemon made it for which port.
 * A daemon that was killed leaves netdevs behind; the next one recognises them by an owner that no longer runs, and touches
 * nothing else. The start time tells a daemon from a stranger who got its pid. A daemon that keeps its state has one id in all
 * of its lives, and takes over what an earlier one made; so its mark says that it may come back, and others leave what it left.
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
  /** Digest of where its daemon keeps its state, and so may come back for it; null: nowhere. */
  state: string | null;
  /** That daemon ended in order. */
  isStopped: boolean;
  port: string;
}

/** At most some 190 bytes, as a port's name has no more than 64; an alias holds 255 (IFALIASZ - 1, linux/if.h). */
const MARK =
  /^tswitch pid=([0-9]+) start=([0-9]+) pidns=([0-9]+) id=([0-9a-f]+)(?: made=([0-9a-f]+))?(?: state=([0-9a-f]+))?( stopped)? port=(\S+)$/;
const DIGEST_DIGITS = 8;

/** Fields of /proc/PID/stat, counted behind the name in parentheses, which may hold spaces and parentheses itself. */
const STAT_STATE = 0;
const STAT_START = 19;

/** One daemon as the owner of netdevs. */
export class Owner {
  readonly id: string;
  readonly #state: string | null;

  /** @param options.id of its earlier lives @param options.stateFile absolute path; null: nothing is kept */
  constructor({ id, stateFile = null }: { id?: string | undefined; stateFile?: string | null } = {}) {
    this.id = id ?? randomBytes(4).toString('hex');
    this.#state = stateFile === null ? null : digestOf(stateFile);
  }

  /** The alias for a netdev that this daemon makes or takes over. */
  mark(port: string, { made = null, isStopped = false }: Partial<Pick<Mark, 'made' | 'isStopped'>> = {}): string {
    const start = processStat(process.pid)?.start ?? 0;
    const by = `pid=${process.pid} start=${start} pidns=${pidNamespace()} id=${this.id}`;
    const digests = `${made === null ? '' : ` made=${made}`}${this.#state === null ? '' : ` state=${this.#state}`}`;
    return `tswitch ${by}${digests}${isStopped ? ' stopped' : ''} port=${port}`;
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

  /** Whether another daemon, which has ended, may come back for it: not to where this one has its state now. */
  isAwaited({ state }: Mark): boolean {
    return state !== null && state !== this.#state;
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
  return digestOf(JSON.stringify(parts));
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGEST_DIGITS);
}

/** Null for any alias that is not a mark. */
export function parseMark(alias: string | null): Mark | null {
  const match = MARK.exec(alias ?? '');
  if (!match) return null;
  const [, pid = '', start = '', pidns = '', id = '', made, state, stopped, port = ''] = match;
  return {
    pid: Number(pid),
    start: Number(start),
    pidns: Number(pidns),
    id,
    made: made ?? null,
    state: state ?? null,
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

/** What dead daemons left in the daemon's namespace: names of netdevs. */
export interface Leftovers {
  removed: string[];
  /** Their daemons keep their state, and may come back for them. */
  awaited: string[];
}

/**
 * Deletes the netdevs of the daemon's namespace that dead daemons left there, except those that one may come back for; and of
 * the caller's own those that it does not keep.
 *
 * @param owner the caller
 * @param keeps whether a netdev of its own is still wanted
 */
export async function removeLeftovers(
  owner: Owner,
  keeps: (netdev: string, mark: Mark) => boolean = () => false,
): Promise<Leftovers> {
  const leftovers: Leftovers = { removed: [], awaited: [] };
  for (const { index, name, alias } of listNetdevs(null)) {
    const mark = parseMark(alias);
    if (!mark) continue;
    const isOwn = owner.isOwn(mark);
    if (isOwn ? keeps(name, mark) : isOwnerAlive(mark)) continue;
    if (!isOwn && owner.isAwaited(mark)) {
      leftovers.awaited.push(name);
      continue;
    }
    // Its daemon may have come back since it was listed, and then the mark is another.
    await deleteOwnNetdev(index, (now) => now === alias);
    leftovers.removed.push(name);
  }
  return leftovers;
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
