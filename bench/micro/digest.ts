/**
 * A digest of what a benchmark computed: nothing of it can be optimised away, and a wrong result shows. FNV-1a, by words
 * (Fowler, Noll, Vo: draft-eastlake-fnv).
 */
const OFFSET_BASIS = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

export const EMPTY_DIGEST = OFFSET_BASIS;

/** Takes one more 32-bit word in. */
export function fold(digest: number, word: number): number {
  return Math.imul(digest ^ word, PRIME);
}

/** The digest of a list of words. */
export function digestOf(words: Iterable<number>): number {
  let digest = EMPTY_DIGEST;
  for (const word of words) digest = fold(digest, word);
  return digest;
}

export function digestText(digest: number): string {
  return (digest >>> 0).toString(16).padStart(8, '0');
}
