/**
 * What the control plane does to many entries of the FDB: deleting what matches, and collecting what has aged. No lock is
 * held for more than CHUNK entries. The generators stop after each of these, so that their caller can let others have a turn.
 */
import type { FdbIndex } from './fdb-index.ts';
import {
  AGEING,
  CALENDARS,
  copyEntry,
  ENTRY_WORDS,
  type FdbEntry,
  type FdbMemory,
  HOME,
  isAged,
  KIND_DYNAMIC,
  KIND_STICKY,
  kindOf,
  linkOf,
  META,
  MOVES,
  noEntry,
  STICKY_CALENDAR,
  SWEEP_ALL,
  SWEPT,
} from './fdb-layout.ts';
import type { FdbWriter } from './fdb-writer.ts';

const CHUNK = 256;

type Matcher = (entry: FdbEntry) => boolean;
type Visitor = (entry: FdbEntry) => void;

/** How many entries went, and whether all were looked at: not if somebody kept the lock. */
interface Collected {
  count: number;
  isWhole: boolean;
}

/** All steps of a generator at once. */
export function inOneGo<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

export class FdbCollector {
  readonly #memory: FdbMemory;
  readonly #index: FdbIndex;
  readonly #writer: FdbWriter;
  #owed: Matcher[] = [];

  constructor(memory: FdbMemory, index: FdbIndex, writer: FdbWriter) {
    this.#memory = memory;
    this.#index = index;
    this.#writer = writer;
  }

  /** Deletes what `matches`; returns how many. What it cannot delete because a dead owner has the lock is owed. */
  *removing(matches: Matcher): Generator<void, number> {
    const { count, isWhole } = yield* this.#walk(matches, null);
    if (!isWhole) this.#owed.push(matches);
    return count;
  }

  /** Deletes the key's entry; false if there was none. Owed like `removeWhere`. */
  remove(high: number, low: number): boolean {
    const isLocked = this.#writer.lockPatiently();
    const at = this.#index.find(high, low);
    if (isLocked) {
      if (at >= 0) this.#writer.clear(at);
      this.#writer.unlock();
    } else this.#owed.push((entry) => entry.high === high && entry.low === low);
    return at >= 0;
  }

  /** Deletes what earlier calls could not. */
  payOwed(): void {
    const owed = this.#owed;
    this.#owed = [];
    for (const matches of owed) inOneGo(this.removing(matches));
  }

  /** Deletes aged entries, at the cost of what has aged, and tells of each; returns how many. */
  *sweeping(now: number, aged: Visitor | null): Generator<void, number> {
    this.payOwed();
    this.fitSlots();
    const { header } = this.#memory;
    const ageing = header[AGEING]!;
    const isLate = this.#writer.order.isSweepLate(now);
    const { count, isWhole } = isLate
      ? yield* this.#walk(({ kind, seen }) => isAged(kind, seen, now, ageing), aged, { relinks: true })
      : yield* this.#walkCalendars(now, aged);
    // With another ageing time since, slots may have another width, and what was seen of the calendars says nothing.
    if (isWhole && header[AGEING] === ageing && this.#writer.lockPatiently()) {
      header[SWEPT] = now;
      if (isLate) header[SWEEP_ALL] = 0;
      this.#writer.unlock();
    }
    return count;
  }

  /** Gives the calendars' slots another width if the ageing time asks for it. */
  fitSlots(): void {
    const { order } = this.#writer;
    if (!order.needsOtherSlots || !this.#writer.lockPatiently()) return;
    this.#writer.announce();
    order.setSlots();
    this.#writer.unlock();
  }

  /** @param options.relinks puts entries that stay into the calendars' right lists */
  *#walk(matches: Matcher, removed: Visitor | null, { relinks = false } = {}): Generator<void, Collected> {
    const { length } = this.#memory.entries;
    let count = 0;
    for (let begin = 0; begin < length; begin += CHUNK * ENTRY_WORDS) {
      if (!this.#writer.lockPatiently()) return { count, isWhole: false };
      const gone: FdbEntry[] = [];
      try {
        const end = Math.min(begin + CHUNK * ENTRY_WORDS, length);
        this.#clearChunk(begin, end, matches, gone);
        if (relinks) this.#relinkChunk(begin, end);
      } finally {
        this.#writer.unlock();
      }
      count += gone.length;
      if (removed) gone.forEach(removed);
      yield;
    }
    return { count, isWhole: true };
  }

  #clearChunk(begin: number, end: number, matches: Matcher, gone: FdbEntry[]): void {
    const { entries, links } = this.#memory;
    let entry = noEntry();
    for (let at = begin; at < end; at += ENTRY_WORDS) {
      // Most places are empty, and a plain load passes them an order of magnitude faster.
      if (kindOf(entries[at + META]!) === 0 || !copyEntry(entries, at, entry)) continue;
      if (matches(entry)) {
        this.#writer.clear(at);
        gone.push(entry);
        entry = noEntry();
        continue;
      }
      // An address must not be put back on a port that is gone.
      const link = linkOf(at);
      if (links[link + MOVES]! <= 0) continue;
      entry.handle = links[link + HOME]!;
      if (!matches(entry)) continue;
      this.#writer.announce();
      links[link + MOVES] = 0;
    }
  }

  #relinkChunk(begin: number, end: number): void {
    const { entries } = this.#memory;
    for (let at = begin; at < end; at += ENTRY_WORDS) {
      const kind = kindOf(entries[at + META]!);
      if (kind === KIND_DYNAMIC || kind === KIND_STICKY) this.#relink(at);
    }
  }

  /** @returns false if it is in its right list */
  #relink(at: number): boolean {
    const isMoved = this.#writer.order.relink(at);
    if (isMoved) this.#writer.announce();
    return isMoved;
  }

  *#walkCalendars(now: number, aged: Visitor | null): Generator<void, Collected> {
    const { order } = this.#writer;
    let count = 0;
    for (let calendar = 0; calendar < CALENDARS; calendar++) {
      if (calendar !== STICKY_CALENDAR && order.count(calendar) === 0) continue;
      for (let isMore = true; isMore;) {
        if (!this.#writer.lockPatiently()) return { count, isWhole: false };
        const gone: FdbEntry[] = [];
        isMore = this.#clearDue(calendar, now, gone);
        this.#writer.unlock();
        count += gone.length;
        if (aged) gone.forEach(aged);
        yield;
      }
    }
    return { count, isWhole: true };
  }

  /** Deletes what has aged of up to CHUNK entries of the calendar; false if there are no more to look at. */
  #clearDue(calendar: number, now: number, gone: FdbEntry[]): boolean {
    const { order } = this.#writer;
    const { entries, header } = this.#memory;
    for (let left = CHUNK; left > 0; left--) {
      const list = order.dueList(calendar, now);
      if (list < 0) return false;
      const at = order.firstOf(list);
      const entry = noEntry();
      copyEntry(entries, at, entry);
      if (isAged(entry.kind, entry.seen, now, header[AGEING]!)) {
        this.#writer.clear(at);
        gone.push(entry);
      } else if (!this.#relink(at)) return false;
    }
    return true;
  }
}
