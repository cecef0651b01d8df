/**
 * What a worker records of frames for captures: one ring of records per worker, written by the worker, read by the capture
 * thread. Nobody waits: what finds the ring full is counted as missed, by sink and port. A record names its sinks (captures
 * and mirror files, as bits), and holds the frame's beginning in one or two pieces, copied in whole words: a piece begins
 * `skew` bytes into its first word, so no byte has to be moved to another place of a word.
 */
import { PORTS_MAX } from '../limits.ts';

/** Sinks at a time: bits of a word, the sign bit left out. */
export const SINKS_MAX = 31;

const WRITTEN = 0;
/** A cache line of its own. */
const READ = 16;
/** One word per sink and port: frames that were to be recorded and found no room; modulo 2^32. */
const MISSED = 32;
const HEADER_WORDS = MISSED + SINKS_MAX * PORTS_MAX;
/** A power of two. Holds what comes in two steps of the reader, 20 ms each, at 2 million records of 128 bytes a second. */
const RING_WORDS = 2 ** 22;
const RING_MASK = RING_WORDS - 1;
export const CAPTURE_RING_BYTES = (HEADER_WORDS + RING_WORDS) * 4;

/** Words of a record. */
export const RECORD = {
  /** Of the whole record, in words: even, so that the time is aligned. */
  SIZE: 0,
  /** Bits. */
  SINKS: 1,
  /** Handle of the port. */
  HANDLE: 2,
  /** Number of the port among all that ever were (handles are used again). */
  PORT: 3,
  /** RECEIVED or SENT. */
  DIRECTION: 4,
  /** Drop reason plus one; 0: not dropped. */
  REASON: 5,
  VLAN: 6,
  /** The outer tag that lay beside the bytes, as one integer (see frame/vlan.ts). */
  TAG: 7,
  /** Bytes of the frame, that tag not counted. */
  LENGTH: 8,
  /** Skew in the lower two bits, bytes above them. */
  FIRST: 9,
  SECOND: 10,
  /** Three words: the virtio-net header; the first is 0 where it asks for nothing. */
  VNET: 12,
  /** A double: milliseconds of the clock that FDB ticks are of. */
  TIME: 16,
  DATA: 18,
} as const;
export const RECEIVED = 1;
export const SENT = 2;

/** In place of a size: the next record begins at the ring's start. */
const SKIP = -1;

export class CaptureRingWriter {
  readonly words: Int32Array;
  readonly times: Float64Array;
  #head: number;
  /** Where the reader was, when it was looked at last. */
  #read: number;

  /** A worker that takes over goes on behind what its predecessor published. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.times = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
    this.#head = Atomics.load(this.words, WRITTEN);
    this.#read = Atomics.load(this.words, READ);
  }

  /** Room for a record of so many words (an even number). @returns its first word, or -1: the ring is full */
  reserve(size: number): number {
    const at = this.#head & RING_MASK;
    const toEnd = RING_WORDS - at;
    const skipped = toEnd < size ? toEnd : 0;
    if (!this.#fits(skipped + size)) return -1;
    if (skipped > 0) this.words[HEADER_WORDS + at + RECORD.SIZE] = SKIP;
    this.#head = (this.#head + skipped + size) | 0;
    const record = HEADER_WORDS + (skipped > 0 ? 0 : at);
    this.words[record + RECORD.SIZE] = size;
    return record;
  }

  /** Lets the reader have all records reserved so far. */
  publish(): void {
    Atomics.store(this.words, WRITTEN, this.#head);
  }

  noteMissed(sinks: number, handle: number): void {
    for (let rest = sinks; rest !== 0; rest &= rest - 1) {
      const at = MISSED + (31 - Math.clz32(rest & -rest)) * PORTS_MAX + handle;
      this.words[at] = (this.words[at]! + 1) | 0;
    }
  }

  #fits(size: number): boolean {
    if (((this.#head + size - this.#read) | 0) <= RING_WORDS) return true;
    this.#read = Atomics.load(this.words, READ);
    return ((this.#head + size - this.#read) | 0) <= RING_WORDS;
  }
}

export class CaptureRingReader {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly times: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.times = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
  }

  /** First word of the oldest record that is not yet let go; -1: there is none. */
  next(): number {
    const written = Atomics.load(this.words, WRITTEN);
    let read = this.words[READ]!;
    if (read === written) return -1;
    if (this.words[HEADER_WORDS + (read & RING_MASK)] === SKIP) {
      read = (read + RING_WORDS - (read & RING_MASK)) | 0;
      Atomics.store(this.words, READ, read);
    }
    return read === written ? -1 : HEADER_WORDS + (read & RING_MASK);
  }

  /** Lets the writer have the place of the record that `next` gave. */
  release(record: number): void {
    Atomics.store(this.words, READ, (this.words[READ]! + this.words[record + RECORD.SIZE]!) | 0);
  }

  missed(sink: number, handle: number): number {
    return Atomics.load(this.words, MISSED + sink * PORTS_MAX + handle) >>> 0;
  }
}
