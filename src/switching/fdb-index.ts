/** Where a key may stand: one of two buckets of eight, so that a table filled to its limit refuses practically no entry. */
import * as layout from './fdb-layout.ts';
import type { FdbMemory } from './fdb-layout.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { BUCKET_WORDS, BUCKETS, ENTRY_WORDS, HIGH, kindOf, LOW, META, SEED } = layout;

/** The first key word: the VLAN and the address's first two bytes. Never 0, as no VLAN is. */
export function keyHigh(bytes: Uint8Array, mac: number, vlan: number): number {
  return (vlan << 16) | (bytes[mac]! << 8) | bytes[mac + 1]!;
}

/** The second key word: the address's last four bytes. */
export function keyLow(bytes: Uint8Array, mac: number): number {
  return (bytes[mac + 2]! << 24) | (bytes[mac + 3]! << 16) | (bytes[mac + 4]! << 8) | bytes[mac + 5]!;
}

/** The finalizer of MurmurHash3 (public domain): each bit of the seed changes half the bits of the result. */
function mix(seed: number): number {
  let h = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export class FdbIndex {
  readonly #entries: Int32Array;
  readonly #mask: number;
  /** What the hash takes from the seed: a word to mix in, and an odd factor. */
  readonly #offset: number;
  readonly #factor: number;

  constructor(memory: FdbMemory) {
    this.#entries = memory.entries;
    this.#mask = memory.header[BUCKETS]! - 1;
    const seed = memory.header[SEED]!;
    this.#offset = mix(seed ^ 0x9e3779b9);
    this.#factor = mix(seed ^ 0x3c6ef372) | 1;
  }

  /** Word index of the key's entry, or -1. Without the lock, the entry may be another by the time the caller looks at it. */
  find(high: number, low: number): number {
    const h = this.#hash(high, low);
    const at = this.#findIn((h & this.#mask) * BUCKET_WORDS, high, low);
    return at >= 0 ? at : this.#findIn(this.#second(h), high, low);
  }

  /** Loads the key's first bucket into the cache. @returns a word of it */
  fetch(high: number, low: number): number {
    return this.#entries[(this.#hash(high, low) & this.#mask) * BUCKET_WORDS]!;
  }

  /** Word index of an empty place for the key, or -1. Only for who holds the lock. */
  free(high: number, low: number): number {
    const at = this.#findEmpty(this.bucket(high, low, 0));
    return at >= 0 ? at : this.#findEmpty(this.bucket(high, low, 1));
  }

  /** Word index at which the key's first (0) or second (1) bucket begins. */
  bucket(high: number, low: number, which: number): number {
    const h = this.#hash(high, low);
    return which === 0 ? (h & this.#mask) * BUCKET_WORDS : this.#second(h);
  }

  /** Spreads both words over 32 bits; its low and its high bits each choose a bucket. */
  #hash(high: number, low: number): number {
    let h = Math.imul(high ^ this.#offset, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15) ^ low, this.#factor);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    return h ^ (h >>> 15);
  }

  #second(h: number): number {
    return ((Math.imul(h, 0x9e3779b1) >>> 7) & this.#mask) * BUCKET_WORDS;
  }

  #findIn(bucket: number, high: number, low: number): number {
    const entries = this.#entries;
    const end = bucket + BUCKET_WORDS;
    for (let at = bucket; at < end; at += ENTRY_WORDS) {
      if (entries[at + LOW] === low && entries[at + HIGH] === high && kindOf(entries[at + META]!) !== 0) return at;
    }
    return -1;
  }

  #findEmpty(bucket: number): number {
    const end = bucket + BUCKET_WORDS;
    for (let at = bucket; at < end; at += ENTRY_WORDS) if (kindOf(this.#entries[at + META]!) === 0) return at;
    return -1;
  }
}
