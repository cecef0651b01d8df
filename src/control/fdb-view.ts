/** The FDB as users see it: filtered, ordered by VLAN and address, in pages. */
import assert from 'node:assert/strict';
import { FDB_LIMIT_MAX } from '../limits.ts';
import { type Fdb, type FdbEntry, KIND_DYNAMIC, KIND_STATIC, TICKS_PER_SECOND } from '../switching/fdb.ts';
import { TswitchError } from './errors.ts';
import type { FdbEntryView, FdbKind, FdbPage } from './model.ts';
import { inTurns, nextTurn } from './turns.ts';

/** Of entries that are restored: their words, and room for the place of one beside its rank in a sorted number. */
const COPY_WORDS = 5;
const PLACES = 2 ** 21;
/** Entries that are restored in one step: each may be the first to touch several pages of memory. */
const STEP_ENTRIES = 8;
/** Ranks that are sorted in one turn: some milliseconds. */
const RUN_RANKS = 65_536;

export function macText(high: number, low: number): string {
  const bytes = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join(':');
}

export function vlanOf(entry: FdbEntry): number {
  return entry.high >>> 16;
}

export interface FdbKey {
  high: number;
  low: number;
}

/** The key of an address in its one spelling. */
export function keyOf(mac: string, vlan: number): FdbKey {
  const digits = mac.replaceAll(':', '');
  return { high: (vlan << 16) | parseInt(digits.slice(0, 4), 16), low: parseInt(digits.slice(4), 16) | 0 };
}

export function entryView(entry: FdbEntry, now: number, portName: (handle: number) => string): FdbEntryView {
  return {
    mac: macText(entry.high, entry.low),
    vlan: entry.high >>> 16,
    port: portName(entry.handle),
    kind: kindText(entry.kind),
    ageSeconds: Math.max(0, Math.floor((now - entry.seen) / TICKS_PER_SECOND)),
  };
}

function kindText(kind: number): FdbKind {
  if (kind === KIND_DYNAMIC) return 'dynamic';
  return kind === KIND_STATIC ? 'static' : 'sticky';
}

/**
 * A large table is looked through in slices, so what changes meanwhile may be missing.
 *
 * @param page `cursor` is what the page before gave as `nextCursor`
 * @param turn waits for the next slice's turn
 */
export async function fdbPage(
  fdb: Fdb,
  now: number,
  matches: (entry: FdbEntry) => boolean,
  portName: (handle: number) => string,
  page: { limit: number; cursor?: string },
  turn?: () => Promise<unknown>,
): Promise<FdbPage> {
  const after = page.cursor === undefined ? null : parseCursor(page.cursor);
  // One more than is shown tells whether there is another page.
  const first = new FirstEntries(page.limit + 1);
  let total = 0;
  const steps = fdb.visiting(now, (entry) => {
    if (!matches(entry)) return;
    total++;
    if (after === null || isAfter(entry.high, entry.low, after.high, after.low)) first.add(entry);
  });
  await inTurns(steps, turn);
  const found = first.inOrder();
  const shown = found.slice(0, page.limit);
  const last = shown.at(-1);
  const entries = shown.map((entry) => entryView(entry, now, portName));
  const more = last !== undefined && found.length > shown.length;
  return {
    entries,
    // While the table changes, the walk may meet an entry that goes and the one that comes in its place.
    total: Math.min(total, fdb.limit),
    nextCursor: more ? `${(last.high >>> 0).toString(16)}-${(last.low >>> 0).toString(16)}` : null,
  };
}

/** Of all entries added the first ones in the order of VLAN and address, without keeping or sorting all. */
class FirstEntries {
  readonly #count: number;
  #found: FdbEntry[] = [];
  /** None behind it is among the first. */
  #bound: FdbEntry | null = null;

  constructor(count: number) {
    this.#count = count;
  }

  add(entry: FdbEntry): void {
    const bound = this.#bound;
    if (bound && !isAfter(bound.high, bound.low, entry.high, entry.low)) return;
    this.#found.push({ ...entry });
    if (this.#found.length < 2 * this.#count) return;
    this.#found = this.inOrder();
    this.#bound = this.#found.at(-1)!;
  }

  inOrder(): FdbEntry[] {
    return this.#found.sort((a, b) => (isAfter(a.high, a.low, b.high, b.low) ? 1 : -1)).slice(0, this.#count);
  }
}

/** Puts into another table the entries that fit: given ones first, then the youngest. Others get their turns meanwhile. */
export async function restoreEntries(
  from: Fdb,
  into: Fdb,
  now: number,
  turn: () => Promise<unknown> = nextTurn,
): Promise<void> {
  const words = new Int32Array(from.limit * COPY_WORDS);
  const ranks = new Float64Array(from.limit);
  let count = 0;
  const copying = from.visiting(now, ({ high, low, handle, kind, seen }) => {
    if (count === from.limit) return;
    const at = count * COPY_WORDS;
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = handle;
    words[at + 3] = kind;
    words[at + 4] = seen;
    const rank = kind === KIND_DYNAMIC ? 1 + Math.max(0, now - seen) : 0;
    ranks[count] = rank * PLACES + count;
    count++;
  });
  await inTurns(copying, turn);
  const order = new RankOrder();
  for (let begin = 0; begin < count; begin += RUN_RANKS) {
    order.add(ranks.subarray(begin, Math.min(begin + RUN_RANKS, count)));
    await turn();
  }
  await inTurns(restoring(words, order, Math.min(count, into.limit), into), turn);
}

function* restoring(words: Int32Array, order: RankOrder, count: number, into: Fdb): Generator<void, void> {
  for (let done = 0; done < count; done++) {
    const at = (order.next() % PLACES) * COPY_WORDS;
    const [high = 0, low = 0, handle = 0, kind = 0, seen = 0] = words.subarray(at, at + COPY_WORDS);
    into.restore({ high, low, handle, kind, seen });
    if (done % STEP_ENTRIES === 0) yield;
  }
}

/** Numbers in ascending order, merged from runs that are sorted one by one. */
class RankOrder {
  readonly #runs: { ranks: Float64Array; at: number }[] = [];

  /** Sorts the run in place. */
  add(ranks: Float64Array): void {
    this.#runs.push({ ranks: ranks.sort(), at: 0 });
  }

  next(): number {
    let least = this.#runs[0]!;
    for (const run of this.#runs) {
      if ((run.ranks[run.at] ?? Infinity) < (least.ranks[least.at] ?? Infinity)) least = run;
    }
    return least.ranks[least.at++]!;
  }
}

function isAfter(high: number, low: number, otherHigh: number, otherLow: number): boolean {
  return high === otherHigh ? low >>> 0 > otherLow >>> 0 : high >>> 0 > otherHigh >>> 0;
}

function parseCursor(cursor: string): { high: number; low: number } {
  const match = /^([0-9a-f]{1,8})-([0-9a-f]{1,8})$/.exec(cursor);
  if (!match) {
    throw new TswitchError('BAD_REQUEST', `'${cursor}' is not a cursor: use the nextCursor of the page before`);
  }
  return { high: parseInt(match[1]!, 16) | 0, low: parseInt(match[2]!, 16) | 0 };
}

assert(FDB_LIMIT_MAX <= PLACES, 'a rank holds the place of every entry');
