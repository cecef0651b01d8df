/**
 * The last frames dropped for each reason: per worker and reason a handful of slots that hold a frame's first bytes. Written
 * by the worker, at most SAMPLES_PER_TICK a tick and reason, so that dropping stays cheap; read by the control plane at any
 * time, which takes a slot that moved under it for empty.
 */
/** Reasons there is room for; drop-reasons.ts has fewer. */
export const SAMPLE_REASONS = 36;
export const SAMPLES_PER_REASON = 4;
export const SAMPLE_BYTES_MAX = 128;
const SAMPLES_PER_TICK = 4;

/** Words before a slot's bytes. */
const SEQUENCE = 0;
const HANDLE = 1;
const TICK = 2;
const LENGTH = 3;
const CAPTURED = 4;
const TAG = 5;
const SLOT_HEADER_WORDS = 8;
const SLOT_WORDS = SLOT_HEADER_WORDS + SAMPLE_BYTES_MAX / 4;
const REASON_WORDS = SAMPLES_PER_REASON * SLOT_WORDS;
export const DROP_SAMPLES_BYTES = SAMPLE_REASONS * REASON_WORDS * 4;

export interface Sample {
  handle: number;
  /** FDB ticks. */
  tick: number;
  /** Of the frame, its outer tag not counted. */
  length: number;
  /** The outer tag that lay beside the bytes, as one integer (see frame/vlan.ts). */
  tag: number;
  bytes: Uint8Array;
  /** Orders the samples of one worker and reason. */
  sequence: number;
}

export class DropSamples {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #next = new Uint32Array(SAMPLE_REASONS);
  readonly #tick = new Int32Array(SAMPLE_REASONS);
  readonly #taken = new Uint8Array(SAMPLE_REASONS);

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /**
   * Keeps the beginning of a frame that is dropped, unless enough were kept in this tick.
   * @param length see Batch.length; of a cut frame there is as much as a sample holds
   */
  take(
    reason: number,
    handle: number,
    bytes: Uint8Array,
    frame: number,
    length: number,
    tag: number,
    tick: number,
  ): void {
    if (this.#tick[reason] !== tick) {
      this.#tick[reason] = tick;
      this.#taken[reason] = 0;
    }
    if (this.#taken[reason]! >= SAMPLES_PER_TICK) return;
    this.#taken[reason] = this.#taken[reason]! + 1;
    const slot = this.#next[reason]!++ % SAMPLES_PER_REASON;
    const at = reason * REASON_WORDS + slot * SLOT_WORDS;
    const words = this.#words;
    const whole = Math.abs(length);
    const captured = Math.min(whole, SAMPLE_BYTES_MAX);
    const sequence = Atomics.add(words, at + SEQUENCE, 1) + 2;
    words[at + HANDLE] = handle;
    words[at + TICK] = tick;
    words[at + LENGTH] = whole;
    words[at + CAPTURED] = captured;
    words[at + TAG] = tag;
    const to = (at + SLOT_HEADER_WORDS) * 4;
    for (let k = 0; k < captured; k++) this.#bytes[to + k] = bytes[frame + k]!;
    Atomics.store(words, at + SEQUENCE, sequence);
  }

  /** Empties the slots of a port that is no more, so that the next one with its handle does not inherit them. */
  forget(handle: number): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at += SLOT_WORDS) {
      const sequence = Atomics.load(words, at + SEQUENCE);
      // Not while it is written: that is for another port, as no worker has this one any more.
      if (sequence % 2 === 0 && words[at + HANDLE] === handle) {
        Atomics.compareExchange(words, at + SEQUENCE, sequence, 0);
      }
    }
  }

  /** What is kept for a reason, in no order. */
  read(reason: number): Sample[] {
    const words = this.#words;
    const samples: Sample[] = [];
    for (let slot = 0; slot < SAMPLES_PER_REASON; slot++) {
      const at = reason * REASON_WORDS + slot * SLOT_WORDS;
      const sequence = Atomics.load(words, at + SEQUENCE);
      if (sequence === 0 || sequence % 2 === 1) continue;
      const from = (at + SLOT_HEADER_WORDS) * 4;
      const sample = {
        handle: words[at + HANDLE]!,
        tick: words[at + TICK]!,
        length: words[at + LENGTH]!,
        tag: words[at + TAG]!,
        bytes: this.#bytes.slice(from, from + words[at + CAPTURED]!),
        sequence,
      };
      if (Atomics.load(words, at + SEQUENCE) === sequence) samples.push(sample);
    }
    return samples;
  }
}
