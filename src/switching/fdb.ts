/**
 * The FDB: (VLAN, MAC) -> port, one table in memory shared by all workers and the control plane.
 *
 * Buckets of eight entries; a key belongs to one of two buckets, so a table filled to its limit refuses practically no
 * entry. Reading takes no lock: an entry's META word carries a version that every rewrite moves, and a reader that sees it
 * move takes the entry for absent, so a torn read may cost a flood, never a wrong port. Inserting, moving and deleting take
 * the bucket's lock by compare-exchange; it holds the owner's number, so that a dead owner's locks can be freed. Whoever
 * does not get a lock soon gives up: the next frame tries again. Refreshing an age is a plain store.
 *
 * Times are ticks of a tenth of a second on the monotonic clock: 32 bits hold 13 years. An entry older than the ageing time
 * is absent from the moment it is; `sweep` only collects it.
 */
import { FDB_LIMIT_MAX } from '../limits.ts';

export const TICKS_PER_SECOND = 10;

const HEADER_WORDS = 16;
const BUCKETS = 0;
const LIMIT = 1;
const COUNT = 2;
const AGEING = 3;

const ENTRY_WORDS = 4;
const META = 0;
const HIGH = 1;
const LOW = 2;
const SEEN = 3;
const BUCKET_ENTRIES = 8;
const BUCKET_WORDS = BUCKET_ENTRIES * ENTRY_WORDS;

/** META: the port's handle (bits 0-11), the kind (12-15, 0: empty), the version (16-31). */
const HANDLE_MASK = 0xfff;
const KIND_SHIFT = 12;
const KIND_MASK = 0xf;
const VERSION_ONE = 1 << 16;
export const KIND_DYNAMIC = 1;

/** A worker gives up soon; the control plane has time, yet must not hang on the lock of a dead owner. */
const LOCK_TRIES = 64;
const PATIENT_LOCK_TRIES = 1_000_000;

/** Buckets looked through for an entry to give up; at the limit one holds at least one entry and a half on average. */
const BUCKETS_SEARCHED = 64;

/** What `learn` did. */
export const UNCHANGED = 0;
export const LEARNED = 1;
export const MOVED = 2;
export const NOT_LEARNED = 3;

/** The first key word: the VLAN and the address's first two bytes. Never 0, as no VLAN is. */
export function keyHigh(bytes: Uint8Array, mac: number, vlan: number): number {
  return (vlan << 16) | (bytes[mac]! << 8) | bytes[mac + 1]!;
}

/** The second key word: the address's last four bytes. */
export function keyLow(bytes: Uint8Array, mac: number): number {
  return (bytes[mac + 2]! << 24) | (bytes[mac + 3]! << 16) | (bytes[mac + 4]! << 8) | bytes[mac + 5]!;
}

/** Spreads both words over 32 bits; its low and its high bits each choose a bucket. */
function hash(high: number, low: number): number {
  let h = Math.imul(high ^ 0x9e3779b9, 0x85ebca6b) ^ low;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return h ^ (h >>> 15);
}

export interface FdbEntry {
  high: number;
  low: number;
  handle: number;
  kind: number;
  seen: number;
}

export class Fdb {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #locks: Int32Array;
  readonly #entries: Int32Array;
  readonly #mask: number;
  /** This user's lock word: 1 + its worker number, or another number for the control plane. Never 0. */
  readonly #owner: number;

  constructor(buffer: SharedArrayBuffer, owner: number) {
    this.buffer = buffer;
    this.#owner = owner;
    this.#header = new Int32Array(buffer, 0, HEADER_WORDS);
    const buckets = this.#header[BUCKETS]!;
    this.#mask = buckets - 1;
    this.#locks = new Int32Array(buffer, HEADER_WORDS * 4, buckets);
    this.#entries = new Int32Array(buffer, (HEADER_WORDS + buckets) * 4, buckets * BUCKET_WORDS);
  }

  /** Memory for a table of at most `limit` entries (1 to FDB_LIMIT_MAX), empty. */
  static allocate(limit: number, ageingTicks: number): SharedArrayBuffer {
    if (limit < 1 || limit > FDB_LIMIT_MAX) throw new RangeError(`an FDB holds 1 to ${FDB_LIMIT_MAX} entries`);
    const buckets = Math.max(16, 2 ** Math.ceil(Math.log2(limit / 3)));
    const buffer = new SharedArrayBuffer((HEADER_WORDS + buckets + buckets * BUCKET_WORDS) * 4);
    const header = new Int32Array(buffer, 0, HEADER_WORDS);
    header[BUCKETS] = buckets;
    header[LIMIT] = limit;
    header[AGEING] = ageingTicks;
    return buffer;
  }

  /** Entries held, aged ones that are not yet collected included. */
  get count(): number {
    return Atomics.load(this.#header, COUNT);
  }

  get limit(): number {
    return this.#header[LIMIT]!;
  }

  get ageingTicks(): number {
    return Atomics.load(this.#header, AGEING);
  }

  set ageingTicks(ticks: number) {
    Atomics.store(this.#header, AGEING, ticks);
  }

  /** Handle of the port the address is known on, or -1. */
  lookup(high: number, low: number, now: number): number {
    const h = hash(high, low);
    let at = this.#find(this.#first(h), high, low);
    if (at < 0) at = this.#find(this.#second(h), high, low);
    if (at < 0) return -1;
    const entries = this.#entries;
    const meta = entries[at + META]!;
    if (((now - entries[at + SEEN]!) | 0) > this.#header[AGEING]!) return -1;
    if (entries[at + HIGH] !== high || entries[at + LOW] !== low) return -1;
    if (Atomics.load(entries, at + META) !== meta || ((meta >>> KIND_SHIFT) & KIND_MASK) === 0) return -1;
    return meta & HANDLE_MASK;
  }

  /** Notes that the address was seen on the port: refreshes, moves or inserts its entry. */
  learn(high: number, low: number, handle: number, now: number): number {
    const h = hash(high, low);
    let at = this.#find(this.#first(h), high, low);
    if (at < 0) at = this.#find(this.#second(h), high, low);
    if (at >= 0) {
      const entries = this.#entries;
      if ((entries[at + META]! & HANDLE_MASK) === handle) {
        if (entries[at + SEEN] !== now) return this.#refresh(at, now);
        return UNCHANGED;
      }
    }
    return this.#insertOrMove(h, high, low, handle, now);
  }

  /** Deletes what `matches`; returns how many. */
  removeWhere(matches: (entry: FdbEntry) => boolean): number {
    let removed = 0;
    this.#forEach((entry, bucket, at) => {
      if (!matches(entry) || !this.#lock(bucket, PATIENT_LOCK_TRIES)) return;
      const entries = this.#entries;
      if (entries[at + HIGH] === entry.high && entries[at + LOW] === entry.low && this.#kind(at) !== 0) {
        this.#clear(at);
        removed++;
      }
      this.#unlock(bucket);
    });
    return removed;
  }

  /** Collects aged entries. One caller at a time. */
  sweep(now: number): number {
    const ageing = this.ageingTicks;
    return this.removeWhere((entry) => entry.kind === KIND_DYNAMIC && ((now - entry.seen) | 0) > ageing);
  }

  /** Calls `visit` for every entry that is not aged, in no order. */
  forEach(now: number, visit: (entry: FdbEntry) => void): void {
    const ageing = this.ageingTicks;
    this.#forEach((entry) => {
      if (((now - entry.seen) | 0) <= ageing) visit(entry);
    });
  }

  /** Puts an entry of another table in, as it is. */
  restore(entry: FdbEntry): void {
    this.#insertOrMove(hash(entry.high, entry.low), entry.high, entry.low, entry.handle, entry.seen);
  }

  /** Frees the locks that a dead owner held. What it was writing is absent: its kind was cleared first. */
  freeLocksOf(owner: number): void {
    for (let bucket = 0; bucket <= this.#mask; bucket++) Atomics.compareExchange(this.#locks, bucket, owner, 0);
  }

  #first(h: number): number {
    return h & this.#mask;
  }

  #second(h: number): number {
    return (Math.imul(h, 0x9e3779b1) >>> 7) & this.#mask;
  }

  #kind(at: number): number {
    return (this.#entries[at + META]! >>> KIND_SHIFT) & KIND_MASK;
  }

  /** Index of the key's entry in the bucket, or -1. */
  #find(bucket: number, high: number, low: number): number {
    const entries = this.#entries;
    const end = (bucket + 1) * BUCKET_WORDS;
    for (let at = bucket * BUCKET_WORDS; at < end; at += ENTRY_WORDS) {
      if (entries[at + LOW] === low && entries[at + HIGH] === high && this.#kind(at) !== 0) return at;
    }
    return -1;
  }

  #refresh(at: number, now: number): number {
    this.#entries[at + SEEN] = now;
    return UNCHANGED;
  }

  #insertOrMove(h: number, high: number, low: number, handle: number, now: number): number {
    const first = this.#first(h);
    const second = this.#second(h);
    // Both locks, in ascending order: two writers of one key in different buckets would make it stand twice.
    const lower = Math.min(first, second);
    const upper = Math.max(first, second);
    if (!this.#lock(lower, LOCK_TRIES)) return NOT_LEARNED;
    if (upper !== lower && !this.#lock(upper, LOCK_TRIES)) {
      this.#unlock(lower);
      return NOT_LEARNED;
    }
    let at = this.#find(first, high, low);
    if (at < 0) at = this.#find(second, high, low);
    const known = at >= 0;
    if (!known) at = this.#room(first, second);
    if (at >= 0) this.#write(at, high, low, handle, now);
    if (upper !== lower) this.#unlock(upper);
    this.#unlock(lower);
    if (at < 0) return NOT_LEARNED;
    return known ? MOVED : LEARNED;
  }

  /** Index of a free entry, counted as taken, or of one that is given up for the new one; or -1. */
  #room(first: number, second: number): number {
    if (!this.#reserve()) {
      const oldest = this.#oldest(first, second);
      if (oldest >= 0) return oldest;
      if (!this.#giveUpElsewhere(first, second) || !this.#reserve()) return -1;
    }
    let at = this.#free(first);
    if (at < 0) at = this.#free(second);
    if (at >= 0) return at;
    Atomics.sub(this.#header, COUNT, 1);
    return this.#oldest(first, second);
  }

  /** Counts an entry to come, if the limit allows it: first counted, then looked at, so that two owners cannot pass it. */
  #reserve(): boolean {
    if (Atomics.add(this.#header, COUNT, 1) < this.limit) return true;
    Atomics.sub(this.#header, COUNT, 1);
    return false;
  }

  /** Deletes the oldest dynamic entry of some bucket near these two, which the caller has locked and which hold none. */
  #giveUpElsewhere(first: number, second: number): boolean {
    for (let step = 1; step <= BUCKETS_SEARCHED; step++) {
      const bucket = (first + step) & this.#mask;
      if (bucket === first || bucket === second || !this.#lock(bucket, 1)) continue;
      const oldest = this.#oldestOf(bucket);
      if (oldest >= 0) this.#clear(oldest);
      this.#unlock(bucket);
      if (oldest >= 0) return true;
    }
    return false;
  }

  #free(bucket: number): number {
    const end = (bucket + 1) * BUCKET_WORDS;
    for (let at = bucket * BUCKET_WORDS; at < end; at += ENTRY_WORDS) if (this.#kind(at) === 0) return at;
    return -1;
  }

  #oldest(first: number, second: number): number {
    const a = this.#oldestOf(first);
    const b = this.#oldestOf(second);
    if (a < 0 || b < 0) return Math.max(a, b);
    return ((this.#entries[b + SEEN]! - this.#entries[a + SEEN]!) | 0) < 0 ? b : a;
  }

  /** Index of the bucket's dynamic entry that was seen least recently, or -1. */
  #oldestOf(bucket: number): number {
    const entries = this.#entries;
    let oldest = -1;
    const end = (bucket + 1) * BUCKET_WORDS;
    for (let at = bucket * BUCKET_WORDS; at < end; at += ENTRY_WORDS) {
      if (this.#kind(at) !== KIND_DYNAMIC) continue;
      if (oldest < 0 || ((entries[at + SEEN]! - entries[oldest + SEEN]!) | 0) < 0) oldest = at;
    }
    return oldest;
  }

  #write(at: number, high: number, low: number, handle: number, now: number): void {
    const entries = this.#entries;
    const version = (entries[at + META]! & ~0xffff) + VERSION_ONE;
    Atomics.store(entries, at + META, version);
    entries[at + HIGH] = high;
    entries[at + LOW] = low;
    entries[at + SEEN] = now;
    Atomics.store(entries, at + META, (version + VERSION_ONE) | (KIND_DYNAMIC << KIND_SHIFT) | handle);
  }

  #clear(at: number): void {
    Atomics.store(this.#entries, at + META, (this.#entries[at + META]! & ~0xffff) + VERSION_ONE);
    Atomics.sub(this.#header, COUNT, 1);
  }

  #lock(bucket: number, tries: number): boolean {
    for (let left = tries; left > 0; left--) {
      if (Atomics.compareExchange(this.#locks, bucket, 0, this.#owner) === 0) return true;
    }
    return false;
  }

  #unlock(bucket: number): void {
    Atomics.store(this.#locks, bucket, 0);
  }

  #forEach(visit: (entry: FdbEntry, bucket: number, at: number) => void): void {
    const entries = this.#entries;
    const entry: FdbEntry = { high: 0, low: 0, handle: 0, kind: 0, seen: 0 };
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
      // Most places are empty, and a plain load passes them an order of magnitude faster.
      if (((entries[at + META]! >>> KIND_SHIFT) & KIND_MASK) === 0) continue;
      const meta = Atomics.load(entries, at + META);
      entry.kind = (meta >>> KIND_SHIFT) & KIND_MASK;
      entry.handle = meta & HANDLE_MASK;
      entry.high = entries[at + HIGH]!;
      entry.low = entries[at + LOW]!;
      entry.seen = entries[at + SEEN]!;
      if (Atomics.load(entries, at + META) === meta) visit(entry, Math.floor(at / BUCKET_WORDS), at);
    }
  }
}
