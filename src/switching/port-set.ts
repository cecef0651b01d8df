/** Sets of port handles as bits in PORT_SET_WORDS consecutive words of an Int32Array. */
import * as limits from '../limits.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { PORTS_MAX } = limits;

export const PORT_SET_WORDS = PORTS_MAX / 32;

export function setBit(words: Int32Array, set: number, handle: number, on: boolean): void {
  const at = set * PORT_SET_WORDS + (handle >>> 5);
  const bit = 1 << (handle & 31);
  words[at] = on ? words[at]! | bit : words[at]! & ~bit;
}

export function hasBit(words: Int32Array, set: number, handle: number): boolean {
  return (words[set * PORT_SET_WORDS + (handle >>> 5)]! & (1 << (handle & 31))) !== 0;
}
