/**
 * Changes to the FDB: inserting, moving, deleting, evicting. One lock for the whole table, taken by compare-exchange; it
 * holds the owner's number, so that a dead owner's work can be repaired. Who forwards frames and does not get it soon gives
 * up: the next frame tries again. The control plane is patient.
 *
 * Readers take no lock. Whatever is changed is empty meanwhile (kind 0), and its version moves.
 */
import type { FdbIndex } from './fdb-index.ts';
import * as layout from './fdb-layout.ts';
import type { FdbEntry, FdbMemory } from './fdb-layout.ts';
import { FdbOrder } from './fdb-order.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const {
  AGEING,
  BUCKET_WORDS,
  CHANGES,
  COUNT,
  ENTRY_WORDS,
  EVICTIONS,
  GIVEN,
  HANDLE_MASK,
  HIGH,
  HOLD,
  HOME,
  IS_HELD,
  isAged,
  KIND_DYNAMIC,
  kindOf,
  LIMIT,
  linkOf,
  LOCK,
  LOW,
  META,
  metaOf,
  MOVE_LIMIT,
  MOVE_WINDOW_TICKS,
  MOVES,
  SEEN,
  VERSION_MASK,
  VERSION_ONE,
  WINDOW,
} = layout;

/** What `learn` did. */
export const UNCHANGED = 0;
export const LEARNED = 1;
export const MOVED = 2;
/** The table or the port is full, or somebody else was changing the table. */
export const NOT_LEARNED = 3;
/** The address is given on another port. */
export const PINNED = 4;
/** The address moved too often: from now on it is held. */
export const HELD_NOW = 5;
/** The address is held on another port. */
export const HELD = 6;

const LOCK_TRIES = 64;
/** The control plane spins, then sleeps between tries. It must not hang on the lock of a dead owner. */
const PATIENT_LOCK_TRIES = 1000;
const PATIENT_LOCK_SLEEPS = 200;
const SLEEP_MS = 1;

export class FdbWriter {
  readonly order: FdbOrder;
  /** After MOVED and HELD_NOW: the port that the address stood on before. */
  movedFrom = -1;
  /** How far this writer has moved CHANGES; modulo 2^32. */
  changes = 0;
  /** How often `learn` gave up, as others had the lock. */
  givenUp = 0;
  readonly #header: Int32Array;
  readonly #entries: Int32Array;
  readonly #links: Int32Array;
  readonly #index: FdbIndex;
  readonly #owner: number;

  constructor(memory: FdbMemory, index: FdbIndex, owner: number) {
    this.order = new FdbOrder(memory);
    this.#header = memory.header;
    this.#entries = memory.entries;
    this.#links = memory.links;
    this.#index = index;
    this.#owner = owner;
  }

  lock(): boolean {
    return this.#tryLock(LOCK_TRIES);
  }

  /** May sleep, 0.2 seconds at most: not for a worker. */
  lockPatiently(): boolean {
    if (this.#tryLock(PATIENT_LOCK_TRIES)) return true;
    for (let left = PATIENT_LOCK_SLEEPS; left > 0; left--) {
      Atomics.wait(this.#header, LOCK, Atomics.load(this.#header, LOCK), SLEEP_MS);
      if (this.#tryLock(LOCK_TRIES)) return true;
    }
    return false;
  }

  unlock(): void {
    Atomics.compareExchange(this.#header, LOCK, this.#owner, 0);
  }

  learn(high: number, low: number, handle: number, now: number): number {
    if (!this.lock()) {
      this.givenUp = (this.givenUp + 1) | 0;
      return NOT_LEARNED;
    }
    const at = this.#index.find(high, low);
    const result = at < 0 ? this.#insert(high, low, handle, now) : this.#meet(at, high, low, handle, now);
    this.unlock();
    return result;
  }

  /** Puts an entry in as it is, in the place of what its key has; false if there is no room or no lock. */
  put(entry: FdbEntry, now: number): boolean {
    if (!this.lockPatiently()) return false;
    const { high, low, handle, kind, seen } = entry;
    let at = this.#index.find(high, low);
    if (at >= 0) this.clear(at);
    else at = this.#room(high, low, -1, now);
    if (at >= 0) {
      this.#links[linkOf(at) + MOVES] = 0;
      this.#write(at, high, low, handle, kind, seen);
    }
    this.unlock();
    return at >= 0;
  }

  /** Changes what decides beside the entries: settings, limits. In a dead owner's lock it does not wait for it to be freed. */
  alter(change: () => void): void {
    const isLocked = this.lockPatiently();
    this.announce();
    change();
    if (isLocked) this.unlock();
  }

  /**
   * Something is going to be rewritten, by who holds the lock: who looks things up without it, or records what is decided by
   * them, is to know.
   */
  announce(): void {
    Atomics.add(this.#header, CHANGES, 1);
    this.changes = (this.changes + 1) | 0;
  }

  /** Deletes the entry at this word index; for who holds the lock. */
  clear(at: number): void {
    const meta = this.#entries[at + META]!;
    this.order.remove(at);
    this.announce();
    Atomics.store(this.#entries, at + META, (meta & VERSION_MASK) + VERSION_ONE);
    this.#count(kindOf(meta), -1);
  }

  /** Frees the lock if this owner, who is dead, held it; before that, makes anew what it may have left half-done. */
  repair(owner: number): void {
    const header = this.#header;
    if (Atomics.compareExchange(header, LOCK, owner, this.#owner) !== owner) return;
    this.announce();
    header[COUNT] = 0;
    header[GIVEN] = 0;
    // What the owner was writing is empty, so what is left are whole entries, each key once.
    for (let at = 0; at < this.#entries.length; at += ENTRY_WORDS) {
      const kind = kindOf(this.#entries[at + META]!);
      if (kind !== 0) this.#count(kind, 1);
    }
    this.order.rebuild();
    this.unlock();
  }

  #tryLock(tries: number): boolean {
    for (let left = tries; left > 0; left--) {
      if (Atomics.compareExchange(this.#header, LOCK, 0, this.#owner) === 0) return true;
    }
    return false;
  }

  #insert(high: number, low: number, handle: number, now: number): number {
    if (this.order.isFull(handle)) return NOT_LEARNED;
    const at = this.#room(high, low, handle, now);
    if (at < 0) return NOT_LEARNED;
    this.#links[linkOf(at) + MOVES] = 0;
    this.#write(at, high, low, handle, KIND_DYNAMIC, now);
    return LEARNED;
  }

  /** A frame from an address that has an entry, though maybe an aged one, came by port `handle`. */
  #meet(at: number, high: number, low: number, handle: number, now: number): number {
    const meta = this.#entries[at + META]!;
    const from = meta & HANDLE_MASK;
    const wasAged = isAged(kindOf(meta), this.#entries[at + SEEN]!, now, this.#header[AGEING]!);
    if (from === handle && !wasAged) {
      this.#entries[at + SEEN] = now;
      return UNCHANGED;
    }
    const stays = this.stays(at, meta, now);
    if (stays !== UNCHANGED) return stays;
    if (from !== handle && this.order.isFull(handle)) return NOT_LEARNED;
    this.clear(at);
    if (wasAged) {
      this.#links[linkOf(at) + MOVES] = 0;
      this.#write(at, high, low, handle, KIND_DYNAMIC, now);
      return LEARNED;
    }
    this.movedFrom = from;
    const movesTooOften = this.#noteMove(at, from, now);
    this.#write(at, high, low, movesTooOften ? this.#hold(at, from, now) : handle, KIND_DYNAMIC, now);
    return movesTooOften ? HELD_NOW : MOVED;
  }

  /** Why an entry with this META does not move to another port: PINNED, HELD or, if it does, UNCHANGED. */
  stays(at: number, meta: number, now: number): number {
    const kind = kindOf(meta);
    if (isAged(kind, this.#entries[at + SEEN]!, now, this.#header[AGEING]!)) return UNCHANGED;
    if (kind !== KIND_DYNAMIC) return PINNED;
    const link = linkOf(at);
    if (this.#links[link + MOVES] !== IS_HELD) return UNCHANGED;
    return ((this.#links[link + WINDOW]! - now) | 0) > 0 ? HELD : UNCHANGED;
  }

  /** Counts a move; true if it is one too many. */
  #noteMove(at: number, from: number, now: number): boolean {
    const limit = this.#header[MOVE_LIMIT]!;
    const links = this.#links;
    const link = linkOf(at);
    const moves = links[link + MOVES]!;
    if (limit === 0 || moves <= 0 || ((now - links[link + WINDOW]!) | 0) >= MOVE_WINDOW_TICKS) {
      links[link + WINDOW] = now;
      links[link + HOME] = from;
      links[link + MOVES] = limit === 0 ? 0 : 1;
      return false;
    }
    links[link + MOVES] = moves + 1;
    return moves + 1 > limit;
  }

  /** Begins to hold an address; the port to hold it on: its home, or where it stands if that is full. */
  #hold(at: number, from: number, now: number): number {
    const link = linkOf(at);
    const home = this.#links[link + HOME]!;
    this.#links[link + MOVES] = IS_HELD;
    this.#links[link + WINDOW] = now + this.#header[HOLD]!;
    return this.order.isFull(home) ? from : home;
  }

  /**
   * Word index of an empty place for the key, or -1. A full table gives up an entry of the port that has most.
   * @param handle the port that wants it; -1 for the control plane
   */
  #room(high: number, low: number, handle: number, now: number): number {
    const free = this.#index.free(high, low);
    const isTableFull = this.#header[COUNT]! >= this.#header[LIMIT]!;
    if (free >= 0 && !isTableFull) return free;
    const victim = free < 0 ? this.#victimBeside(high, low, handle, now) : this.order.victim(handle);
    if (victim < 0) return -1;
    this.clear(victim);
    this.#header[EVICTIONS] = this.#header[EVICTIONS]! + 1;
    return free < 0 ? victim : free;
  }

  /**
   * Word index of the entry that goes first of those in the key's two full buckets: an aged one, or of the port that has
   * most dynamic entries the oldest. -1 if all are given, or on ports that have less than the port that wants the place.
   */
  #victimBeside(high: number, low: number, handle: number, now: number): number {
    const entries = this.#entries;
    let victim = -1;
    let rank = handle < 0 ? -1 : 2 * this.order.count(handle);
    for (let which = 0; which < 2; which++) {
      const bucket = this.#index.bucket(high, low, which);
      for (let at = bucket; at < bucket + BUCKET_WORDS; at += ENTRY_WORDS) {
        const other = this.#rank(at, handle, now);
        const isOlder = victim >= 0 && ((entries[at + SEEN]! - entries[victim + SEEN]!) | 0) < 0;
        if (other < rank || (other === rank && !isOlder)) continue;
        victim = at;
        rank = other;
      }
    }
    return victim;
  }

  /** How much an entry has to go: the more, the more its port has, and before others if it is the wanting port's own. */
  #rank(at: number, handle: number, now: number): number {
    const meta = this.#entries[at + META]!;
    const kind = kindOf(meta);
    if (isAged(kind, this.#entries[at + SEEN]!, now, this.#header[AGEING]!)) return Infinity;
    if (kind !== KIND_DYNAMIC) return -1;
    const port = meta & HANDLE_MASK;
    return 2 * this.order.count(port) + (port === handle ? 1 : 0);
  }

  #write(at: number, high: number, low: number, handle: number, kind: number, seen: number): void {
    const entries = this.#entries;
    if (this.#header[COUNT] === 0) this.order.startAt(seen);
    this.announce();
    entries[at + HIGH] = high;
    entries[at + LOW] = low;
    entries[at + SEEN] = seen;
    const version = (entries[at + META]! & VERSION_MASK) + VERSION_ONE;
    Atomics.store(entries, at + META, metaOf(version, kind, handle));
    this.order.add(at);
    this.#count(kind, 1);
  }

  #count(kind: number, change: number): void {
    Atomics.store(this.#header, COUNT, this.#header[COUNT]! + change);
    if (kind !== KIND_DYNAMIC) Atomics.store(this.#header, GIVEN, this.#header[GIVEN]! + change);
  }
}
