/** The FDB as users see it: filtered, ordered by VLAN and address, in pages. */
import { FDB_LIMIT_MAX } from '../limits.ts';
import { Fdb, type FdbEntry, TICKS_PER_SECOND } from '../switching/fdb.ts';
import { TswitchError } from './errors.ts';
import type { FdbEntryView, FdbPage } from './model.ts';

export function macText(high: number, low: number): string {
  const bytes = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join(':');
}

export function vlanOf(entry: FdbEntry): number {
  return entry.high >>> 16;
}

/** What is kept of an entry while all are ordered. */
interface Found {
  high: number;
  low: number;
  handle: number;
  seen: number;
}

/** @param cursor what the page before gave as `nextCursor` */
export function fdbPage(
  fdb: Fdb,
  now: number,
  matches: (entry: FdbEntry) => boolean,
  portName: (handle: number) => string,
  page: { limit: number; cursor?: string },
): FdbPage {
  const after = page.cursor === undefined ? null : parseCursor(page.cursor);
  const found: Found[] = [];
  let total = 0;
  fdb.forEach(now, (entry) => {
    if (!matches(entry)) return;
    total++;
    const { high, low, handle, seen } = entry;
    if (after === null || isAfter(high, low, after.high, after.low)) found.push({ high, low, handle, seen });
  });
  found.sort((a, b) => (isAfter(a.high, a.low, b.high, b.low) ? 1 : -1));
  const shown = found.slice(0, page.limit);
  const last = shown.at(-1);
  const entries = shown.map((entry): FdbEntryView => ({
    mac: macText(entry.high, entry.low),
    vlan: entry.high >>> 16,
    port: portName(entry.handle),
    kind: 'dynamic',
    ageSeconds: Math.max(0, Math.floor((now - entry.seen) / TICKS_PER_SECOND)),
  }));
  const more = last !== undefined && found.length > shown.length;
  return {
    entries,
    total,
    nextCursor: more ? `${(last.high >>> 0).toString(16)}-${(last.low >>> 0).toString(16)}` : null,
  };
}

/** A table for another limit with the entries that fit, the youngest first if not all do. */
export function resizedFdb(old: Fdb, limit: number, now: number): SharedArrayBuffer {
  const buffer = Fdb.allocate(Math.min(limit, FDB_LIMIT_MAX), old.ageingTicks);
  const table = new Fdb(buffer, 1);
  const entries: FdbEntry[] = [];
  old.forEach(now, (entry) => entries.push({ ...entry }));
  entries.sort((a, b) => b.seen - a.seen);
  for (const entry of entries.slice(0, limit)) table.restore(entry);
  return buffer;
}

function isAfter(high: number, low: number, otherHigh: number, otherLow: number): boolean {
  return high === otherHigh ? low >>> 0 > otherLow >>> 0 : high >>> 0 > otherHigh >>> 0;
}

function parseCursor(cursor: string): { high: number; low: number } {
  const match = /^([0-9a-f]{1,8})-([0-9a-f]{1,8})$/.exec(cursor);
  if (!match) {
    throw new TswitchError('BAD_REQUEST', `'${cursor}' is not a cursor: use the nextCursor of the page before`);
  }
  return { high: parseInt(match[1]!, 16) | 0, low: parseInt(match[2]!, 16) | 0 };
}
