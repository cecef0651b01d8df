/** Values of flags, from text. All throw commander's InvalidArgumentError, which is wrong usage (exit code 2). */
import { InvalidArgumentError } from 'commander';
import { VID_MAX, VID_MIN } from '../limits.ts';

/** A parser of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** The same for limits; `none` is Infinity, which JSON writes as null. Null itself commander would take for no value. */
export function limitUpTo(max: number): (text: string) => number {
  return (text) => {
    if (text === 'none') return Infinity;
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= 1 && value <= max)) throw new InvalidArgumentError(`Give a whole number from 1 to ${max}, or none.`);
    return value;
  };
}

export const parseVid = wholeNumber(VID_MIN, VID_MAX);

/** `10,20-30`: VIDs and ranges of them, to an ascending list without duplicates; `all` is the empty list. */
export function parseVidList(text: string): number[] {
  if (text === 'all') return [];
  const vids = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^([0-9]{1,4})(?:-([0-9]{1,4}))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!(first >= VID_MIN && last >= first && last <= VID_MAX)) {
      throw new InvalidArgumentError(`Give VLANs from ${VID_MIN} to ${VID_MAX} like 10,20-30, or all.`);
    }
    for (let vid = first; vid <= last; vid++) vids.add(vid);
  }
  return [...vids].sort((a, b) => a - b);
}

/** The reverse of parseVidList: `[10, 20, 21, 22]` to `10,20-22`, and the empty list to `all`. */
export function formatVidList(vids: readonly number[]): string {
  if (vids.length === 0) return 'all';
  const ranges: { first: number; last: number }[] = [];
  for (const vid of vids) {
    const range = ranges.at(-1);
    if (range && range.last === vid - 1) range.last = vid;
    else ranges.push({ first: vid, last: vid });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** A parser of sizes in bytes: `65536`, `64K`, `100M`, `1G`; a unit is 1024 of the one before. */
export function parseSize(min: number, max: number): (text: string) => number {
  return (text) => {
    const [, digits, unit = ''] = /^([0-9]{1,15})([KMGT]?)$/i.exec(text) ?? [];
    const value = Number(digits) * (SIZE_UNITS[unit.toUpperCase()] ?? Number.NaN);
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`Give a size from ${sizeText(min)} to ${sizeText(max)}, like 100M.`);
    }
    return value;
  };
}

function sizeText(bytes: number): string {
  const [unit = '', size = 1] = Object.entries(SIZE_UNITS).findLast(([, each]) => bytes >= each) ?? [];
  return `${Math.floor(bytes / size)}${unit}`;
}

/** The value of a flag that may stand alone (`--isolated`) or say which (`--isolated=false`). */
export function parseFlag(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw new InvalidArgumentError('Give true or false, as in --flag=false; the flag alone means true if it comes last.');
}

/** A parser of lists like `csum,tso4`; `none` is the empty list. Repeated flags add up. */
export function parseList(text: string, before: readonly string[] | undefined): string[] {
  const items = text === 'none' ? [] : text.split(',').map((item) => item.trim());
  if (items.includes('')) throw new InvalidArgumentError('Give a list with commas, or none.');
  return [...(before ?? []), ...items];
}
