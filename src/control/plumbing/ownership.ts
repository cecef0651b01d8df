/**
 * Whose netdev is this? Everything tswitch makes carries a mark in its alias, which says which daemon made it for which port.
 * A daemon that was killed leaves netdevs behind; the next one recognises them by an owner that no longer runs, and touches
 * nothing else. The start time tells a daemon from a stranger who got its pid. A daemon that keeps its state has one id in all
 * of its lives, and takes over what an earlier one made; so its mark says that it may come back, and others leave what it left.
 */
import { createHash, randomBytes } from 'node:crypto';
import { deleteOwnNetdev, listNetdevs } from './netdev.ts';
import { isProcessAlive, isSameProcess, ownMark, type ProcessMark } from './process-mark.ts';

export interface Mark extends ProcessMark {
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
    const { pid, start, pidns } = ownMark();
    const by = `pid=${pid} start=${start} pidns=${pidns} id=${this.id}`;
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
    return mark.id === this.id && isSameProcess(mark, ownMark());
  }

  /** Whether another daemon, which has ended, may come back for it: not to where this one has its state now. */
  isAwaited({ state }: Mark): boolean {
    return state !== null && state !== this.#state;
  }

  /** Two that run at the same time with one id are two daemons, one of which has a copy of the other's state. */
  isOwn(mark: Mark): boolean {
    if (mark.id !== this.id) return false;
    const own = ownMark();
    const isThisProcess = mark.pid === own.pid && mark.pidns === own.pidns;
    return isThisProcess || mark.pidns !== own.pidns || !isProcessAlive(mark);
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
    if (isOwn ? keeps(name, mark) : isProcessAlive(mark)) continue;
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
