/** The word that somebody may have meant. Pure. */

/** More than this many slips make another word. */
const SLIPS_MAX = 3;

/** The nearest of the words, if it is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((each) => ({ each, slips: slipsBetween(word.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, slips }) => slips <= SLIPS_MAX && slips < each.length)
    .sort((a, b) => a.slips - b.slips);
  return best?.each;
}

/** Letters left out, put in, replaced or swapped with the next one (optimal string alignment distance). */
function slipsBetween(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= a.length; row++) {
    const [now, before, beforeThat] = [[row], rows[row - 1] ?? [], rows[row - 2] ?? []];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      now[column] = Math.min(
        (before[column] ?? 0) + 1,
        (now[column - 1] ?? 0) + 1,
        (before[column - 1] ?? 0) + same,
        isSwapped ? (beforeThat[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    rows.push(now);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
