/**
 * The FDB: (VLAN, MAC) -> port, one table in memory shared by all workers and the control plane.
 *
 * Reading takes no lock: an entry's META word carries a version that every rewrite moves, and a reader that sees it move
 * takes the entry for absent, so a torn read may cost a flood, never a wrong port. A batch of look-ups is checked as a
 * whole (`watch`, `peek`, `isUndisturbed`). Refreshing an age is a plain store. All
 * other changes take the table's lock (fdb-writer.ts). What goes first when the table is full, and what has aged, is known
 * without a search (fdb-order.ts), so that a flood of new addresses costs its own port's entries and nobody else's.
 *
 * Times are ticks of a tenth of a second on the monotonic clock: 32 bits hold 13 years. An entry older than the ageing time
 * is absent from the moment it is; `sweep` only collects it.
 */
import { FdbCollector, inOneGo } from './fdb-collect.ts';
import { copyTable } from './fdb-copy.ts';
import { FdbIndex } from './fdb-index.ts';
import * as layout from './fdb-layout.ts';
import { type FdbEntry, type FdbOptions, FdbMemory } from './fdb-layout.ts';
import { FdbWriter, HELD_NOW, MOVED, NOT_LEARNED, UNCHANGED } from './fdb-writer.ts';

export { keyHigh, keyLow } from './fdb-index.ts';
export {
  type FdbEntry,
  type FdbOptions,
  KIND_DYNAMIC,
  KIND_STATIC,
  KIND_STICKY,
  TICKS_PER_SECOND,
} from './fdb-layout.ts';
export { HELD, HELD_NOW, LEARNED, MOVED, NOT_LEARNED, PINNED, UNCHANGED } from './fdb-writer.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const {
  AGEING,
  CHANGES,
  copyEntry,
  COUNT,
  ENTRY_WORDS,
  EVICTIONS,
  GIVEN,
  HANDLE_MASK,
  HIGH,
  HOLD,
  isAged,
  KIND_DYNAMIC,
  kindOf,
  LIMIT,
  LOCK,
  LOW,
  META,
  MOVE_LIMIT,
  noEntry,
  SEEN,
} = layout;

/** An entry that just moves looks absent; the next look finds it. */
const FIND_TRIES = 4;

/** Entries lie apart, each on a cache line of its own: this many take half a megabyte. */
const CACHED_ENTRIES = 8192;

/** Places of one step of `visiting`. */
const STEP_WORDS = 4096 * ENTRY_WORDS;

export class Fdb {
  readonly buffer: SharedArrayBuffer;
  /** After `learn` gave MOVED or HELD_NOW: the port that the address stood on before. */
  movedFrom = -1;
  readonly #memory: FdbMemory;
  readonly #header: Int32Array;
  readonly #entries: Int32Array;
  readonly #index: FdbIndex;
  readonly #writer: FdbWriter;
  readonly #collector: FdbCollector;
  /** CHANGES as `watch` found it, less what this user had changed of it. */
  #watched = 0;
  /** Nobody was changing the table at that moment. */
  #wasQuiet = false;
  /** A word that nobody else touches: an atomic change to it orders what is read before and after. */
  readonly #fence = new Int32Array(1);

  /** @param owner what the lock holds while this user has it: 1 + its worker number, or another number. Never 0. */
  constructor(buffer: SharedArrayBuffer, owner: number) {
    this.buffer = buffer;
    this.#memory = new FdbMemory(buffer);
    this.#header = this.#memory.header;
    this.#entries = this.#memory.entries;
    this.#index = new FdbIndex(this.#memory);
    this.#writer = new FdbWriter(this.#memory, this.#index, owner);
    this.#collector = new FdbCollector(this.#memory, this.#index, this.#writer);
  }

  /** Memory for an empty table. */
  static allocate(options: FdbOptions): SharedArrayBuffer {
    return FdbMemory.allocate(options);
  }

  /**
   * A table with the same entries and settings, which has nothing to do with the first one from then on.
   * @param spare an earlier copy that nobody uses any more: taken if it has the right size
   */
  static copyOf(buffer: SharedArrayBuffer, spare: SharedArrayBuffer | null = null): SharedArrayBuffer {
    return copyTable(buffer, spare);
  }

  /** Entries held, aged ones that are not yet collected included. */
  get count(): number {
    return Atomics.load(this.#header, COUNT);
  }

  /** Static and sticky entries among them. While it is 0, nothing can be pinned. */
  get givenCount(): number {
    return this.#header[GIVEN]!;
  }

  /** Learned entries that had to go for others since the table was made; modulo 2^32. */
  get evictions(): number {
    return this.#header[EVICTIONS]! >>> 0;
  }

  /** How often this user has changed the table, refreshed ages aside; modulo 2^32. */
  get ownChanges(): number {
    return this.#writer.changes;
  }

  /** How often this user has not learned an address, as others were changing the table; modulo 2^32. */
  get givenUp(): number {
    return this.#writer.givenUp;
  }

  get limit(): number {
    return this.#header[LIMIT]!;
  }

  get ageingTicks(): number {
    return this.#header[AGEING]!;
  }

  /** Until the next sweep has been through the table, a full one may give up an entry that is not the oldest. */
  set ageingTicks(ticks: number) {
    this.#set(AGEING, ticks);
    this.#collector.fitSlots();
  }

  /** Learned entries of the port, aged ones that are not yet collected included. */
  portCount(handle: number): number {
    return this.#memory.counts[handle]!;
  }

  /** How many entries the port may have learned; -1: any number. What it has beyond that stays. */
  setPortLimit(handle: number, limit: number): void {
    const { limits } = this.#memory;
    if (limits[handle] !== limit + 1) this.#writer.alter(() => (limits[handle] = limit + 1));
  }

  /** Takes over every port's limit from another table. */
  takePortLimits(from: Fdb): void {
    const { limits } = this.#memory;
    this.#writer.alter(() => limits.set(from.#memory.limits));
  }

  /**
   * After how many moves within a second (0: never) an address is put back on the port where it was before the first of
   * them, and for how many ticks it is held there.
   */
  setMoveLimit(movesPerSecond: number, holdTicks: number): void {
    this.#set(HOLD, holdTicks);
    this.#set(MOVE_LIMIT, movesPerSecond);
  }

  /** Handle of the port the address is known on, or -1. */
  lookup(high: number, low: number, now: number): number {
    const at = this.#index.find(high, low);
    if (at < 0) return -1;
    const entries = this.#entries;
    const meta = entries[at + META]!;
    if (isAged(kindOf(meta), entries[at + SEEN]!, now, this.#header[AGEING]!)) return -1;
    return this.#isStill(at, meta, high, low) ? meta & HANDLE_MASK : -1;
  }

  /** Whether look-ups wait for memory, as the table holds more than the processor's caches do. */
  get isLarge(): boolean {
    return this.#header[COUNT]! > CACHED_ENTRIES;
  }

  /**
   * Loads what a look-up of the key needs into the cache. Called for many keys in a row, it makes the waits for memory
   * overlap.
   * @returns a number to keep, or the engine would leave the load out
   */
  fetch(high: number, low: number): number {
    return this.#index.fetch(high, low);
  }

  /**
   * Begins a run of `peek`s and `learn`s. Checking each look-up for a change meanwhile costs more than the look-up, as an
   * atomic load is a call; so the run is checked as a whole.
   */
  watch(): void {
    const changes = Atomics.load(this.#header, CHANGES);
    this.#wasQuiet = Atomics.load(this.#header, LOCK) === 0;
    this.#watched = (changes - this.#writer.changes) | 0;
  }

  /** Like `lookup`, but what it said holds only if `isUndisturbed` says so after the run. */
  peek(high: number, low: number, now: number): number {
    const at = this.#index.find(high, low);
    if (at < 0) return -1;
    const entries = this.#entries;
    const meta = entries[at + META]!;
    return isAged(kindOf(meta), entries[at + SEEN]!, now, this.#header[AGEING]!) ? -1 : meta & HANDLE_MASK;
  }

  /** Whether nobody else has rewritten an entry since `watch`. */
  isUndisturbed(): boolean {
    Atomics.add(this.#fence, 0, 1);
    const changes = Atomics.load(this.#header, CHANGES);
    return this.#wasQuiet && ((changes - this.#writer.changes) | 0) === this.#watched;
  }

  /** Notes that the address was seen on the port: refreshes, moves or inserts its entry. Says which (UNCHANGED, ...). */
  learn(high: number, low: number, handle: number, now: number): number {
    const at = this.#index.find(high, low);
    if (at >= 0) {
      const entries = this.#entries;
      const meta = entries[at + META]!;
      const seen = entries[at + SEEN]!;
      if (
        (meta & HANDLE_MASK) === handle &&
        (seen === now || !isAged(kindOf(meta), seen, now, this.#header[AGEING]!))
      ) {
        if (seen !== now) entries[at + SEEN] = now;
        return UNCHANGED;
      }
      const stays = this.#writer.stays(at, meta, now);
      if (stays !== UNCHANGED && this.#isStill(at, meta, high, low)) return stays;
    }
    // Before the lock: a port that floods new addresses beyond its limit must not keep the others from it.
    if (this.#writer.order.isFull(handle)) return NOT_LEARNED;
    const done = this.#writer.learn(high, low, handle, now);
    if (done === MOVED || done === HELD_NOW) this.movedFrom = this.#writer.movedFrom;
    return done;
  }

  /** Whether the address is given on another port, for ports that do not learn. */
  isPinnedElsewhere(high: number, low: number, handle: number, now: number): boolean {
    const at = this.#index.find(high, low);
    if (at < 0) return false;
    const meta = this.#entries[at + META]!;
    const kind = kindOf(meta);
    if (kind === KIND_DYNAMIC || (meta & HANDLE_MASK) === handle) return false;
    return !isAged(kind, this.#entries[at + SEEN]!, now, this.#header[AGEING]!) && this.#isStill(at, meta, high, low);
  }

  /** A copy of the key's entry; null if there is none, or it has aged. */
  find(high: number, low: number, now: number): FdbEntry | null {
    const entry = noEntry();
    for (let tries = FIND_TRIES; tries > 0; tries--) {
      const at = this.#index.find(high, low);
      if (at < 0 || !copyEntry(this.#entries, at, entry) || entry.high !== high || entry.low !== low) continue;
      return isAged(entry.kind, entry.seen, now, this.#header[AGEING]!) ? null : entry;
    }
    return null;
  }

  /**
   * Gives an entry of KIND_STATIC or KIND_STICKY, in the place of what the key has. In a full table it pushes out a learned
   * one. @returns false if the table is full of given ones, or a dead owner has the lock
   */
  give(high: number, low: number, handle: number, kind: number, now: number): boolean {
    return this.#writer.put({ high, low, handle, kind, seen: now }, now);
  }

  /** Puts an entry of another table in, as it is; false if there is no room for it. */
  restore(entry: FdbEntry): boolean {
    return this.#writer.put(entry, entry.seen);
  }

  /** Deletes the key's entry, of whatever kind; false if there was none. */
  remove(high: number, low: number): boolean {
    return this.#collector.remove(high, low);
  }

  /**
   * Deletes what `matches`, which is called with the lock held and must not keep its argument; returns how many. While a dead
   * owner has the lock, it waits 0.2 seconds; what is left then goes with the next `freeLocksOf` or `sweep`.
   */
  removeWhere(matches: (entry: FdbEntry) => boolean): number {
    return inOneGo(this.removing(matches));
  }

  /** `removeWhere` in small steps, so that others can have their turns in between; what they change meanwhile may stay. */
  removing(matches: (entry: FdbEntry) => boolean): Generator<void, number> {
    return this.#collector.removing(matches);
  }

  /** Collects aged entries, tells of each, returns how many. One caller at a time. */
  sweep(now: number, aged?: (entry: FdbEntry) => void): number {
    return inOneGo(this.sweeping(now, aged));
  }

  /** `sweep` in small steps. */
  sweeping(now: number, aged?: (entry: FdbEntry) => void): Generator<void, number> {
    return this.#collector.sweeping(now, aged ?? null);
  }

  /** Calls `visit` for every entry that is not aged, in no order; it must not keep its argument. */
  forEach(now: number, visit: (entry: FdbEntry) => void): void {
    inOneGo(this.visiting(now, visit));
  }

  /** `forEach` in small steps, each of some thousand places. */
  *visiting(now: number, visit: (entry: FdbEntry) => void): Generator<void, void> {
    for (let begin = 0; begin < this.#entries.length; begin += STEP_WORDS) {
      this.#visit(begin, begin + STEP_WORDS, now, visit);
      yield;
    }
  }

  #set(setting: number, value: number): void {
    const header = this.#header;
    if (header[setting] !== value) this.#writer.alter(() => Atomics.store(header, setting, value));
  }

  #visit(begin: number, end: number, now: number, visit: (entry: FdbEntry) => void): void {
    const ageing = this.ageingTicks;
    const entries = this.#entries;
    const entry = noEntry();
    for (let at = begin; at < end && at < entries.length; at += ENTRY_WORDS) {
      // Most places are empty, and a plain load passes them an order of magnitude faster.
      if (kindOf(entries[at + META]!) === 0 || !copyEntry(entries, at, entry)) continue;
      if (!isAged(entry.kind, entry.seen, now, ageing)) visit(entry);
    }
  }

  /** Frees the lock if a dead owner held it, and repairs what it left half-done. Its thread must have ended. */
  freeLocksOf(owner: number): void {
    this.#writer.repair(owner);
    this.#collector.payOwed();
  }

  /** Whether the entry at this word index has had this META all the while, and the key. */
  #isStill(at: number, meta: number, high: number, low: number): boolean {
    const entries = this.#entries;
    if (entries[at + HIGH] !== high || entries[at + LOW] !== low) return false;
    return Atomics.load(entries, at + META) === meta && kindOf(meta) !== 0;
  }
}
