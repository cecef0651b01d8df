/**
 * What a data path made of a batch, as words (see OUTCOME in shared/recording.ts): the same for who records it and for who runs
 * it again and compares. Of what was sent a digest of each message's bytes is kept, wherever in memory they lie.
 */
import type { Batch } from '../frame/batch.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Memory } from '../ports/memory.ts';
import * as recording from '../shared/recording.ts';
import type { LogicHost } from './logic-host.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { FRAME_WORDS, MESSAGE_WORDS, OUTCOME } = recording;

const ROTATE = 13;
const FACTOR = 0x85ebca6b | 0;

export class Outcome {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  #sent = new Int32Array(4096);
  #sentWords = 0;

  constructor({ bytes }: Memory) {
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  }

  /** Whether anything was sent since the last `take`. */
  get isEmpty(): boolean {
    return this.#sentWords === 0;
  }

  /** A list that a port was given to send. */
  sent(handle: number, { count, note, status, partAt, partBytes }: GatherList): void {
    const sent = this.#room(2 + count * MESSAGE_WORDS);
    let at = this.#sentWords;
    sent[at++] = handle;
    sent[at++] = count;
    for (let m = 0; m < count; m++) {
      const first = this.#digest(count, partAt[2 * m]!, partBytes[2 * m]!);
      sent[at++] = note[m]!;
      sent[at++] = this.#digest(first, partAt[2 * m + 1]!, partBytes[2 * m + 1]!);
      sent[at++] = status[m]!;
    }
    this.#sentWords = at;
  }

  /** All of it, as words of its own. @param batch null: a tick or a probe */
  take(batch: Batch | null, host: LogicHost | null, isDisturbed: boolean): Int32Array {
    const count = batch?.count ?? 0;
    const words = new Int32Array(OUTCOME.FRAMES_AT + count * FRAME_WORDS + this.#sentWords);
    words[OUTCOME.DISTURBED] = isDisturbed ? 1 : 0;
    words[OUTCOME.FRAMES] = count;
    let at: number = OUTCOME.FRAMES_AT;
    for (let i = 0; i < count; i++) {
      words[at++] = batch!.verdict[i]!;
      words[at++] = (batch!.vlan[i]! << 16) | (host?.decisionOf(i) ?? 0);
    }
    words.set(this.#sent.subarray(0, this.#sentWords), at);
    this.#sentWords = 0;
    return words;
  }

  #room(words: number): Int32Array {
    if (this.#sentWords + words > this.#sent.length) {
      const grown = new Int32Array(2 * Math.max(this.#sent.length, words));
      grown.set(this.#sent.subarray(0, this.#sentWords));
      this.#sent = grown;
    }
    return this.#sent;
  }

  /** By words, put together from two where the bytes begin within one. */
  #digest(seed: number, begin: number, length: number): number {
    const words = this.#words;
    const whole = length >>> 2;
    const shift = (begin & 3) * 8;
    const first = begin >>> 2;
    let digest = seed ^ length;
    if (shift === 0) {
      for (let k = 0; k < whole; k++) digest = mix(digest, words[first + k]!);
    } else {
      let low = words[first]!;
      for (let k = 0; k < whole; k++) {
        const high = words[first + k + 1]!;
        digest = mix(digest, (low >>> shift) | (high << (32 - shift)));
        low = high;
      }
    }
    for (let at = begin + whole * 4; at < begin + length; at++) digest = mix(digest, this.#bytes[at]!);
    return digest;
  }
}

function mix(digest: number, word: number): number {
  return Math.imul(((digest << ROTATE) | (digest >>> (32 - ROTATE))) ^ word, FACTOR);
}
