/** Memory shared with the kernel, and how structures in it are given addresses. */

/** `address` is that of byte 0, or 0 where no kernel will read it. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly address: number;
}

const TWO_TO_32 = 2 ** 32;
/** Offsets are small integers; no memory is larger (native-bindings/arena.ts). */
const OFFSET_MAX = 2 ** 31 - 1;

/**
 * Addresses as system calls take them. An address is beyond V8's small integers, and one that is computed, or read from an
 * array of numbers only, is a new heap number each time; the leading null makes this an array of references to old ones.
 */
export type Addresses = readonly (number | null)[];

/** `count` addresses from `first` on, `step` bytes apart. */
export function addresses(first: number, step: number, count: number): Addresses {
  return [null, ...Array.from({ length: count }, (_, i) => first + i * step)];
}

export function addressOf(list: Addresses, i: number): number {
  return list[i + 1]!;
}

/**
 * Writes the 64-bit address of an offset as two 32-bit words: without a BigInt, which would be allocated, and with small
 * integers only.
 */
export class AddressWriter {
  readonly #words: Int32Array;
  readonly #low: number;
  readonly #high: number;
  /** The first offset whose address has another upper word than offset 0. */
  readonly #carryAt: number;

  /** @param words what is written to; @param base the address of offset 0 */
  constructor(words: Int32Array, base: number) {
    this.#words = words;
    this.#low = base | 0;
    this.#high = Math.floor(base / TWO_TO_32);
    this.#carryAt = Math.min(TWO_TO_32 - (base % TWO_TO_32), OFFSET_MAX);
  }

  /** @param offset 0 to below OFFSET_MAX */
  write(word: number, offset: number): void {
    this.#words[word] = this.#low + offset;
    this.#words[word + 1] = offset < this.#carryAt ? this.#high : this.#high + 1;
  }
}
