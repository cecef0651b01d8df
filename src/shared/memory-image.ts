/**
 * Images of shared memory: what of it is not zero, in lines of LINE_WORDS. Most of a table is empty, so an image of it is small,
 * and memory that was never touched is only looked at.
 *
 * An image is words: for each run of lines the number of its first line and how many there are, then their words.
 */
const LINE_WORDS = 16;

/** @param words a multiple of LINE_WORDS of them, or the rest counts as a line of its own */
export function imageOf(words: Int32Array): Int32Array {
  const runs = runsOf(words);
  const total = runs.reduce((sum, { first, count }) => sum + 2 + lineEnd(words, first + count) - first * LINE_WORDS, 0);
  const image = new Int32Array(total);
  let at = 0;
  for (const { first, count } of runs) {
    image[at] = first;
    image[at + 1] = count;
    const run = words.subarray(first * LINE_WORDS, lineEnd(words, first + count));
    image.set(run, at + 2);
    at += 2 + run.length;
  }
  return image;
}

/** Makes the words what they were. @throws RangeError where the image is not one of so many words */
export function restoreImage(image: Int32Array, words: Int32Array): void {
  words.fill(0);
  for (let at = 0; at < image.length;) {
    const first = image[at]!;
    const count = image[at + 1] ?? -1;
    const length = lineEnd(words, first + count) - first * LINE_WORDS;
    const isRight = first >= 0 && count > 0 && length > (count - 1) * LINE_WORDS && at + 2 + length <= image.length;
    if (!isRight) throw new RangeError('an image that is of other memory');
    words.set(image.subarray(at + 2, at + 2 + length), first * LINE_WORDS);
    at += 2 + length;
  }
}

function runsOf(words: Int32Array): { first: number; count: number }[] {
  const runs: { first: number; count: number }[] = [];
  const lines = Math.ceil(words.length / LINE_WORDS);
  let first = -1;
  for (let line = 0; line <= lines; line++) {
    const isFilled = line < lines && isLineFilled(words, line);
    if (isFilled && first < 0) first = line;
    if (isFilled || first < 0) continue;
    runs.push({ first, count: line - first });
    first = -1;
  }
  return runs;
}

function isLineFilled(words: Int32Array, line: number): boolean {
  const end = lineEnd(words, line + 1);
  let any = 0;
  for (let at = line * LINE_WORDS; at < end; at++) any |= words[at]!;
  return any !== 0;
}

/** Where the words of the lines before this one end. */
function lineEnd(words: Int32Array, line: number): number {
  return Math.min(line * LINE_WORDS, words.length);
}
