/**
 * Happenings: what a worker tells the control plane without waiting for it. One ring of records per worker, written by the
 * worker, read by the control plane; what finds it full is counted as lost. Kinds that frames cause one by one are limited in
 * rate here, so that a MAC spray costs no more than its learning.
 */
const HEADER_WORDS = 16;
/** Records written so far; moved after the record is whole. */
const WRITTEN = 0;
/** Records read so far. */
const READ = 1;
/** FDB records that were not written: too many in a tick, or no room. */
const SUPPRESSED = 2;

const RECORDS = 1024;
const RECORD_WORDS = 8;
export const HAPPENINGS_BYTES = (HEADER_WORDS + RECORDS * RECORD_WORDS) * 4;

/**
 * FDB records per tick (a tenth of a second) and worker. Those of held addresses, which are signs of a loop, have a number of
 * their own: a spray of new addresses must not hide them.
 */
const FDB_RECORDS_PER_TICK = 100;
const HELD_RECORDS_PER_TICK = 10;
/** A host may send a probe that it saw back again and again; the first tells all there is to know. */
const LOOP_RECORDS_PER_TICK = 10;

/** An address was learned (port), moved (from other to port), or is held (on port, away from other). */
export const LEARNED = 1;
export const MOVED = 2;
export const HELD = 3;
/** Frames to be flooded exceeded the port's limit; `value` is the class. At most one per port, class and tick. */
export const STORM = 4;
/** A probe sent out of `other` came in by port. At most LOOP_RECORDS_PER_TICK. */
export const LOOP = 5;

export interface Happening {
  kind: number;
  handle: number;
  other: number;
  /** The address and VLAN as FDB key words. */
  high: number;
  low: number;
  /** FDB ticks. */
  tick: number;
  value: number;
}

export class Happenings {
  readonly #words: Int32Array;
  #tick = 0;
  #fdbRecords = 0;
  #heldRecords = 0;
  #loopRecords = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** Notes what became of an address: LEARNED, MOVED or HELD. */
  noteFdb(kind: number, handle: number, other: number, high: number, low: number, tick: number): void {
    this.#begin(tick);
    const isAllowed =
      kind === HELD ? ++this.#heldRecords <= HELD_RECORDS_PER_TICK : ++this.#fdbRecords <= FDB_RECORDS_PER_TICK;
    if (isAllowed && this.#write(kind, handle, other, high, low, tick, 0)) return;
    this.#words[SUPPRESSED] = (this.#words[SUPPRESSED]! + 1) | 0;
  }

  noteStorm(handle: number, floodClass: number, high: number, low: number, tick: number): void {
    this.#write(STORM, handle, handle, high, low, tick, floodClass);
  }

  noteLoop(handle: number, from: number, tick: number): void {
    this.#begin(tick);
    if (++this.#loopRecords <= LOOP_RECORDS_PER_TICK) this.#write(LOOP, handle, from, 0, 0, tick, 0);
  }

  /** Calls `visit` for every record not read yet; the object is used again. @returns FDB records suppressed so far */
  drain(visit: (happening: Happening) => void): number {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    const happening: Happening = { kind: 0, handle: 0, other: 0, high: 0, low: 0, tick: 0, value: 0 };
    for (let read = words[READ]!; read !== written; read = (read + 1) | 0) {
      const at = HEADER_WORDS + (read & (RECORDS - 1)) * RECORD_WORDS;
      happening.kind = words[at]!;
      happening.handle = words[at + 1]!;
      happening.other = words[at + 2]!;
      happening.high = words[at + 3]!;
      happening.low = words[at + 4]!;
      happening.tick = words[at + 5]!;
      happening.value = words[at + 6]!;
      visit(happening);
    }
    Atomics.store(words, READ, written);
    return words[SUPPRESSED]!;
  }

  /** Resolves once there is a record to read, or `interrupt` is called. */
  async wait(): Promise<void> {
    const waiting = Atomics.waitAsync(this.#words, WRITTEN, this.#words[READ]!);
    if (waiting.async) await waiting.value;
  }

  interrupt(): void {
    Atomics.notify(this.#words, WRITTEN);
  }

  /** With each tick as many may be told again. */
  #begin(tick: number): void {
    if (tick === this.#tick) return;
    this.#tick = tick;
    this.#fdbRecords = 0;
    this.#heldRecords = 0;
    this.#loopRecords = 0;
  }

  #write(kind: number, handle: number, other: number, high: number, low: number, tick: number, value: number): boolean {
    const words = this.#words;
    const written = words[WRITTEN]!;
    if (((written - Atomics.load(words, READ)) | 0) >= RECORDS) return false;
    const at = HEADER_WORDS + (written & (RECORDS - 1)) * RECORD_WORDS;
    words[at] = kind;
    words[at + 1] = handle;
    words[at + 2] = other;
    words[at + 3] = high;
    words[at + 4] = low;
    words[at + 5] = tick;
    words[at + 6] = value;
    Atomics.store(words, WRITTEN, (written + 1) | 0);
    Atomics.notify(words, WRITTEN);
    return true;
  }
}
