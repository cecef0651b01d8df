/**
 * Who has to go when the FDB is full, and what has aged: both without a search through the table.
 *
 * Each port has a calendar of its dynamic entries, a list for each slot of time in which they were seen; sticky entries share
 * one. A refresh does not touch it: an entry that was seen since it was put into its list is moved to the right one when it
 * is come across. A tournament tells the port with most dynamic entries.
 *
 * Every method is for who holds the table's lock, except the plain reads `count` and `isFull`.
 */
import { PORTS_MAX } from '../limits.ts';
import * as layout from './fdb-layout.ts';
import type { FdbMemory } from './fdb-layout.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const {
  AGEING,
  ENTRY_SHIFT,
  ENTRY_WORDS,
  HANDLE_MASK,
  KIND_DYNAMIC,
  KIND_STICKY,
  kindOf,
  LATEST,
  LINK_WORDS,
  linkOf,
  LIST,
  META,
  NEXT,
  PREV,
  SEEN,
  SLOT_BITS,
  SLOT_SHIFT,
  slotShiftFor,
  SLOTS,
  STICKY_CALENDAR,
  SWEEP_ALL,
  SWEPT,
} = layout;

/** Refreshed entries that one search for the oldest moves to their right list before it takes what it has. */
const RELINKS_MAX = 64;

const SLOT_MASK = SLOTS - 1;

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

export class FdbOrder {
  readonly #memory: FdbMemory;
  readonly #header: Int32Array;
  readonly #entries: Int32Array;
  readonly #links: Int32Array;

  constructor(memory: FdbMemory) {
    this.#memory = memory;
    this.#header = memory.header;
    this.#entries = memory.entries;
    this.#links = memory.links;
  }

  /** Dynamic entries of the port. */
  count(handle: number): number {
    return this.#memory.counts[handle]!;
  }

  /** Whether the port has as many dynamic entries as it may. */
  isFull(handle: number): boolean {
    const limit = this.#memory.limits[handle]!;
    return limit !== 0 && this.#memory.counts[handle]! >= limit - 1;
  }

  /** Takes the entry at this word index in. */
  add(at: number): void {
    const meta = this.#entries[at + META]!;
    const kind = kindOf(meta);
    if (kind === KIND_DYNAMIC) {
      const handle = meta & HANDLE_MASK;
      this.#setCount(handle, this.count(handle) + 1);
      this.#link(at, handle);
    } else if (kind === KIND_STICKY) this.#link(at, STICKY_CALENDAR);
  }

  /** Takes the entry at this word index out. */
  remove(at: number): void {
    const meta = this.#entries[at + META]!;
    const kind = kindOf(meta);
    if (kind === KIND_DYNAMIC) {
      const handle = meta & HANDLE_MASK;
      this.#setCount(handle, this.count(handle) - 1);
      this.#unlink(at);
    } else if (kind === KIND_STICKY) this.#unlink(at);
  }

  /** Begins anew with time: nothing is in any calendar. */
  startAt(tick: number): void {
    this.#header[LATEST] = tick;
    this.#header[SWEPT] = tick;
  }

  /**
   * Word index of the dynamic entry that goes first: of the port with most of them (of `handle` if it has as many), the one
   * that was seen least recently, or one of the same slot. -1 if there is none. If the port's RELINKS_MAX oldest by their
   * lists were all seen since, it is the oldest of these, which need not be the port's oldest.
   */
  victim(handle: number): number {
    let port = this.#memory.tournament[1]! - 1;
    if (port < 0) return -1;
    if (handle >= 0 && this.count(handle) === this.count(port)) port = handle;
    let oldest = -1;
    for (let relinks = 0; relinks < RELINKS_MAX; relinks++) {
      const list = this.#firstList(port);
      if (list < 0) return oldest;
      const at = this.firstOf(list);
      const seen = this.#entries[at + SEEN]!;
      if (this.#listFor(port, seen) === list) return at;
      this.relink(at);
      if (oldest < 0 || ((seen - this.#entries[oldest + SEEN]!) | 0) < 0) oldest = at;
    }
    return oldest;
  }

  /** The calendar's first list if all of its time is longer ago than the ageing time, else -1. */
  dueList(calendar: number, now: number): number {
    const list = this.#firstList(calendar);
    if (list < 0) return -1;
    const shift = this.#header[SLOT_SHIFT]!;
    const latest = this.#header[LATEST]! >> shift;
    const slot = latest - ((latest - list) & SLOT_MASK);
    return ((now - ((slot + 1) << shift) + 1) | 0) > this.#header[AGEING]! ? list : -1;
  }

  /** Word index of the list's first entry; -1 if it is empty. */
  firstOf(list: number): number {
    return (this.#memory.heads[list]! - 1) << ENTRY_SHIFT;
  }

  /** Moves the entry to the list of the time at which it was last seen; false if it is there already. */
  relink(at: number): boolean {
    const list = this.#links[linkOf(at) + LIST]! - 1;
    const calendar = list >>> SLOT_BITS;
    if (this.#listFor(calendar, this.#entries[at + SEEN]!) === list) return false;
    this.#unlink(at);
    this.#link(at, calendar);
    return true;
  }

  /** Whether the ageing time asks for slots of another width. */
  get needsOtherSlots(): boolean {
    return this.#header[SLOT_SHIFT] !== slotShiftFor(this.#header[AGEING]!);
  }

  /**
   * Gives slots the width that the ageing time asks for. Entries stay in the lists they are in, which mean other times now, until
   * they are come across; the next sweep comes across all of them.
   */
  setSlots(): void {
    this.#header[SLOT_SHIFT] = slotShiftFor(this.#header[AGEING]!);
    this.#header[SWEEP_ALL] = 1;
  }

  /** Whether so much time went by since the last sweep that old slots may be mistaken for new ones. */
  isSweepLate(now: number): boolean {
    const header = this.#header;
    const span = ((now - header[SWEPT]!) | 0) + header[AGEING]!;
    return header[SWEEP_ALL] === 1 || span >> header[SLOT_SHIFT]! > SLOTS - 4;
  }

  /** Makes counts, tournament and calendars anew from the entries, whatever is in them. */
  rebuild(): void {
    const { counts, tournament, heads, filled, filledWords } = this.#memory;
    const entries = this.#entries;
    this.setSlots();
    // Looked at before it is cleared: a look does not make untouched memory resident.
    for (let list = 0; list < heads.length; list++) if (heads[list] !== 0) heads[list] = 0;
    filled.fill(0);
    filledWords.fill(0);
    counts.fill(0);
    tournament.fill(0);
    let isFirst = true;
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
      if (kindOf(entries[at + META]!) === 0) continue;
      if (isFirst) this.startAt(entries[at + SEEN]!);
      isFirst = false;
      this.add(at);
    }
  }

  #setCount(handle: number, count: number): void {
    const { counts, tournament } = this.#memory;
    counts[handle] = count;
    tournament[PORTS_MAX + handle] = 1 + handle;
    for (let node = (PORTS_MAX + handle) >>> 1; node > 0; node >>>= 1) {
      const one = tournament[2 * node]!;
      const other = tournament[2 * node + 1]!;
      const isOneBetter = other === 0 || (one !== 0 && counts[one - 1]! >= counts[other - 1]!);
      tournament[node] = isOneBetter ? one : other;
    }
  }

  #listFor(calendar: number, seen: number): number {
    return calendar * SLOTS + ((seen >> this.#header[SLOT_SHIFT]!) & SLOT_MASK);
  }

  #link(at: number, calendar: number): void {
    const { heads, filled, filledWords } = this.#memory;
    const links = this.#links;
    const seen = this.#entries[at + SEEN]!;
    if (((seen - this.#header[LATEST]!) | 0) > 0) this.#header[LATEST] = seen;
    const list = this.#listFor(calendar, seen);
    const one = 1 + (at >>> ENTRY_SHIFT);
    const link = linkOf(at);
    const next = heads[list]!;
    links[link + NEXT] = next;
    links[link + PREV] = 0;
    links[link + LIST] = list + 1;
    if (next !== 0) links[(next - 1) * LINK_WORDS + PREV] = one;
    heads[list] = one;
    filled[list >>> 5] = filled[list >>> 5]! | (1 << (list & 31));
    filledWords[list >>> 10] = filledWords[list >>> 10]! | (1 << ((list >>> 5) & 31));
  }

  #unlink(at: number): void {
    const { heads, filled, filledWords } = this.#memory;
    const links = this.#links;
    const link = linkOf(at);
    const next = links[link + NEXT]!;
    const prev = links[link + PREV]!;
    const list = links[link + LIST]! - 1;
    if (next !== 0) links[(next - 1) * LINK_WORDS + PREV] = prev;
    if (prev !== 0) {
      links[(prev - 1) * LINK_WORDS + NEXT] = next;
      return;
    }
    heads[list] = next;
    if (next !== 0) return;
    const word = filled[list >>> 5]! & ~(1 << (list & 31));
    filled[list >>> 5] = word;
    if (word === 0) filledWords[list >>> 10] = filledWords[list >>> 10]! & ~(1 << ((list >>> 5) & 31));
  }

  /** The calendar's list of the longest time ago that holds something, or -1. The slot behind the newest is the oldest. */
  #firstList(calendar: number): number {
    const begin = calendar * SLOTS;
    const oldest = begin + (((this.#header[LATEST]! >> this.#header[SLOT_SHIFT]!) + 1) & SLOT_MASK);
    const list = this.#nextList(oldest, begin + SLOTS);
    return list >= 0 ? list : this.#nextList(begin, oldest);
  }

  /** The first list from `from` on, below `end`, that holds something, or -1. */
  #nextList(from: number, end: number): number {
    const { filled, filledWords } = this.#memory;
    let word = from >>> 5;
    let bits = filled[word]! & (-1 << (from & 31));
    if (bits === 0) {
      word++;
      const groups = (end + 1023) >>> 10;
      let group = word >>> 5;
      if (group >= groups) return -1;
      let words = filledWords[group]! & (-1 << (word & 31));
      while (words === 0 && ++group < groups) words = filledWords[group]!;
      if (words === 0) return -1;
      word = group * 32 + lowestBit(words);
      bits = filled[word]!;
    }
    const list = word * 32 + lowestBit(bits);
    return list < end ? list : -1;
  }
}
