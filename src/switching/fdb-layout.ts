/**
 * Where everything of the FDB lies in its shared memory. All of it is 32-bit words that mean something when they are zero,
 * so memory that was never touched costs nothing.
 *
 * The entries are what counts. Links, lists and counts are derived from them and can be made anew (`FdbOrder.rebuild`).
 */
import assert from 'node:assert/strict';
import { FDB_LIMIT_MAX, PORTS_MAX } from '../limits.ts';

export const TICKS_PER_SECOND = 10;

/** Header words that are read with every frame and seldom written; a cache line of their own. */
export const BUCKETS = 0;
export const LIMIT = 1;
export const AGEING = 2;
export const SEED = 3;
/** How many entries are static or sticky. */
export const GIVEN = 4;
/** Moves of one address within MOVE_WINDOW_TICKS after which it is held; 0: never. */
export const MOVE_LIMIT = 5;
export const HOLD = 6;
/** Header words that writers change. */
export const LOCK = 16;
export const COUNT = 17;
export const EVICTIONS = 18;
/** A slot of a calendar is 2 to the power of this many ticks wide. */
export const SLOT_SHIFT = 19;
/** The newest tick in any calendar. */
export const LATEST = 20;
/** The tick of the last sweep. */
export const SWEPT = 21;
/** 1: the next sweep must look at every entry. */
export const SWEEP_ALL = 22;
/** Moves before anything is rewritten that decides: an entry, a setting, the order in which entries go. Ages are refreshed without. */
export const CHANGES = 23;
const HEADER_WORDS = 32;

/** Words of an entry. */
export const META = 0;
export const HIGH = 1;
export const LOW = 2;
export const SEEN = 3;
export const ENTRY_SHIFT = 2;
export const ENTRY_WORDS = 1 << ENTRY_SHIFT;
export const BUCKET_ENTRIES = 8;
export const BUCKET_WORDS = BUCKET_ENTRIES * ENTRY_WORDS;

/** META: the port's handle (bits 0-11), the kind (12-15, 0: empty), the version (16-31). */
export const HANDLE_MASK = 0xfff;
const KIND_SHIFT = 12;
const KIND_MASK = 0xf;
export const VERSION_ONE = 1 << 16;
export const VERSION_MASK = ~0xffff;

export const KIND_DYNAMIC = 1;
/** Given; never ages, never moves. */
export const KIND_STATIC = 2;
/** Given; ages, but does not move while it is alive. */
export const KIND_STICKY = 3;

/**
 * Words that only writers need of an entry, apart from it so that a reader's cache line holds entries. NEXT and PREV are
 * 1 + the place of a neighbour in the list, LIST is 1 + the list; 0: none.
 */
export const NEXT = 0;
export const PREV = 1;
export const LIST = 2;
/** Moves since WINDOW, IS_HELD while the address is held, 0: none. */
export const MOVES = 3;
/** Tick of the first of them; of a held address, the tick at which that ends. */
export const WINDOW = 4;
/** Handle of the port before the first of them. */
export const HOME = 5;
export const LINK_WORDS = 6;
export const IS_HELD = -1;
export const MOVE_WINDOW_TICKS = TICKS_PER_SECOND;

/** A calendar for each port's dynamic entries, and one for all sticky ones. A list is one slot of one calendar. */
export const STICKY_CALENDAR = PORTS_MAX;
export const CALENDARS = PORTS_MAX + 1;
export const SLOT_BITS = 12;
export const SLOTS = 1 << SLOT_BITS;

/**
 * Slots that a whole ageing time may take. The rest is for entries that have aged but are not swept yet, so that their slots
 * are not mistaken for new ones: with slots of one tick, nine seconds.
 */
const AGEING_SLOTS = 4000;

export interface FdbEntry {
  high: number;
  low: number;
  handle: number;
  kind: number;
  /** Tick at which a frame from the address came last, or at which the entry was given. */
  seen: number;
}

export function noEntry(): FdbEntry {
  return { high: 0, low: 0, handle: 0, kind: 0, seen: 0 };
}

export interface FdbOptions {
  /** Entries at most, 1 to FDB_LIMIT_MAX. */
  limit: number;
  ageingTicks: number;
  /** 32 bits that nobody outside can guess, so that nobody can choose addresses for one bucket. */
  seed: number;
}

export class FdbMemory {
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  readonly entries: Int32Array;
  readonly links: Int32Array;
  /** 1 + the place of each list's first entry. */
  readonly heads: Int32Array;
  /** Which lists hold something, a bit each; and which words of that are not 0. */
  readonly filled: Int32Array;
  readonly filledWords: Int32Array;
  /** Dynamic entries of each port. */
  readonly counts: Int32Array;
  /** 1 + the dynamic entries each port may have; 0: any number. */
  readonly limits: Int32Array;
  /**
   * A tournament over `counts`: node n holds 1 + the better port of nodes 2n and 2n + 1, node PORTS_MAX + p 1 + port p.
   * 0: no port that ever had an entry.
   */
  readonly tournament: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.header = new Int32Array(buffer, 0, HEADER_WORDS);
    const places = this.header[BUCKETS]! * BUCKET_ENTRIES;
    let at = HEADER_WORDS * 4;
    const next = (words: number): Int32Array => {
      const view = new Int32Array(buffer, at, words);
      at += words * 4;
      return view;
    };
    this.entries = next(places * ENTRY_WORDS);
    this.links = next(places * LINK_WORDS);
    this.heads = next(CALENDARS * SLOTS);
    this.filled = next((CALENDARS * SLOTS) / 32);
    this.filledWords = next((CALENDARS * SLOTS) / 1024);
    this.counts = next(PORTS_MAX);
    this.limits = next(PORTS_MAX);
    this.tournament = next(2 * PORTS_MAX);
  }

  /** Memory for an empty table. */
  static allocate(options: FdbOptions): SharedArrayBuffer {
    const { limit, ageingTicks, seed } = options;
    if (limit < 1 || limit > FDB_LIMIT_MAX) throw new RangeError(`an FDB holds 1 to ${FDB_LIMIT_MAX} entries`);
    const buckets = Math.max(16, 2 ** Math.ceil(Math.log2(limit / 3)));
    const words =
      HEADER_WORDS +
      buckets * BUCKET_ENTRIES * (ENTRY_WORDS + LINK_WORDS) +
      CALENDARS * (SLOTS + SLOTS / 32 + SLOTS / 1024) +
      4 * PORTS_MAX;
    const buffer = new SharedArrayBuffer(words * 4);
    const header = new Int32Array(buffer, 0, HEADER_WORDS);
    header[BUCKETS] = buckets;
    header[LIMIT] = limit;
    header[AGEING] = ageingTicks;
    header[SEED] = seed;
    header[SLOT_SHIFT] = slotShiftFor(ageingTicks);
    return buffer;
  }
}

/** Slots are one tick wide up to an ageing time of AGEING_SLOTS ticks, else the smallest power of two that will do. */
export function slotShiftFor(ageingTicks: number): number {
  let shift = 0;
  while (ageingTicks >> shift > AGEING_SLOTS) shift++;
  return shift;
}

/** Index in `links` of what belongs to the entry at this word index. */
export function linkOf(at: number): number {
  return (at >>> ENTRY_SHIFT) * LINK_WORDS;
}

export function kindOf(meta: number): number {
  return (meta >>> KIND_SHIFT) & KIND_MASK;
}

export function metaOf(version: number, kind: number, handle: number): number {
  return version | (kind << KIND_SHIFT) | handle;
}

/** Whether an entry is absent because of its age. */
export function isAged(kind: number, seen: number, now: number, ageingTicks: number): boolean {
  return ((now - seen) | 0) > ageingTicks && kind !== KIND_STATIC;
}

/** Copies what stands at a word index of `entries`; false if it is empty or just being changed. */
export function copyEntry(entries: Int32Array, at: number, entry: FdbEntry): boolean {
  const meta = Atomics.load(entries, at + META);
  entry.kind = kindOf(meta);
  entry.handle = meta & HANDLE_MASK;
  entry.high = entries[at + HIGH]!;
  entry.low = entries[at + LOW]!;
  entry.seen = entries[at + SEEN]!;
  return entry.kind !== 0 && Atomics.load(entries, at + META) === meta;
}

assert(PORTS_MAX - 1 <= HANDLE_MASK, 'META holds every handle');
assert(Number.isInteger(Math.log2(PORTS_MAX)), 'the tournament is a whole tree');
