/**
 * Rates and sizes as people write them: a number and a unit of tc(8), upper or lower case, with no unit bits per second or bytes.
 * What is written back is exact, in the largest decimal (rates) or binary (sizes) unit that leaves no fraction.
 */

/** In bits per second: `mbit` is a million bits, `mibit` 2^20; `mbps` is a million bytes. */
const RATE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ...['', 'k', 'm', 'g', 't'].flatMap((prefix, power): [string, number][] => [
    [`${prefix}bit`, 1000 ** power],
    [`${prefix}bps`, 8 * 1000 ** power],
  ]),
  ...['ki', 'mi', 'gi', 'ti'].flatMap((prefix, index): [string, number][] => [
    [`${prefix}bit`, 1024 ** (index + 1)],
    [`${prefix}bps`, 8 * 1024 ** (index + 1)],
  ]),
]);

/** In bytes, as tc has them: all of them are powers of 1024. */
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ...['k', 'm', 'g'].flatMap((prefix, index): [string, number][] => [
    [prefix, 1024 ** (index + 1)],
    [`${prefix}b`, 1024 ** (index + 1)],
    [`${prefix}bit`, 1024 ** (index + 1) / 8],
  ]),
]);

const WRITTEN_RATES = ['tbit', 'gbit', 'mbit', 'kbit', 'bit'];
const WRITTEN_SIZES = ['gb', 'mb', 'kb', 'b'];

/** `100mbit`, `1.5gbit`, `12500kbps`: in bits per second, whole; null for what is no rate. */
export function parseRate(text: string): number | null {
  return parse(text, RATE_UNITS);
}

export function formatRate(bitsPerSecond: number): string {
  return format(bitsPerSecond, RATE_UNITS, WRITTEN_RATES);
}

/** `64kb`, `1m`, `1600`: in bytes, whole; null for what is no size. */
export function parseBurst(text: string): number | null {
  return parse(text, SIZE_UNITS);
}

export function formatBurst(bytes: number): string {
  return format(bytes, SIZE_UNITS, WRITTEN_SIZES);
}

function parse(text: string, units: ReadonlyMap<string, number>): number | null {
  const [, number, unit = ''] = /^([0-9]{1,15}(?:\.[0-9]{1,15})?)([a-z]*)$/.exec(text.trim().toLowerCase()) ?? [];
  const factor = units.get(unit);
  return number === undefined || factor === undefined ? null : Math.round(Number(number) * factor);
}

function format(value: number, units: ReadonlyMap<string, number>, written: readonly string[]): string {
  const unit = written.find((name) => value % (units.get(name) ?? 1) === 0) ?? '';
  return `${value / (units.get(unit) ?? 1)}${unit}`;
}
