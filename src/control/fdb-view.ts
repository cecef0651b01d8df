/** The FDB as users see it: filtered, ordered by VLAN and address, in pages. */
import { type Fdb, type FdbEntry, KIND_DYNAMIC, KIND_STATIC, TICKS_PER_SECOND } from '../switching/fdb.ts';
import { TswitchError } from './errors.ts';
import type { FdbEntryView, FdbKind, FdbPage } from './model.ts';

export function macText(high: number, low: number): string {
  const bytes = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join(':');
}

export function vlanOf(entry: FdbEntry): number {
  return entry.high >>> 16;
}

/** The key of an address in its one spelling. */
export function keyOf(mac: string, vlan: number): { high: number; low: number } {
  const digits = mac.replaceAll(':', '');
  return { high: (vlan << 16) | parseInt(digits.slice(0, 4), 16), low: parseInt(digits.slice(4), 16) | 0 };
}

export function entryView(entry: FdbEntry, now: number, portName: (handle: number) => string): FdbEntryView {
  return {
    mac: macText(entry.high, entry.low),
    vlan: entry.high >>> 16,
    port: portName(entry.handle),
    kind: kindText(entry.kind),
    ageSeconds: Math.max(0, Math.floor((now - entry.seen) / TICKS_PER_SECOND)),
  };
}

function kindText(kind: number): FdbKind {
  if (kind === KIND_DYNAMIC) return 'dynamic';
  return kind === KIND_STATIC ? 'static' : 'sticky';
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
  const found: FdbEntry[] = [];
  let total = 0;
  fdb.forEach(now, (entry) => {
    if (!matches(entry)) return;
    total++;
    if (after === null || isAfter(entry.high, entry.low, after.high, after.low)) found.push({ ...entry });
  });
  found.sort((a, b) => (isAfter(a.high, a.low, b.high, b.low) ? 1 : -1));
  const shown = found.slice(0, page.limit);
  const last = shown.at(-1);
  const entries = shown.map((entry) => entryView(entry, now, portName));
  const more = last !== undefined && found.length > shown.length;
  return {
    entries,
    // While the table changes, the walk may meet an entry that goes and the one that comes in its place.
    total: Math.min(total, fdb.limit),
    nextCursor: more ? `${(last.high >>> 0).toString(16)}-${(last.low >>> 0).toString(16)}` : null,
  };
}

/** Puts into another table the entries that fit: given ones first, then the youngest. */
export function restoreEntries(from: Fdb, into: Fdb, now: number): void {
  const entries: FdbEntry[] = [];
  from.forEach(now, (entry) => entries.push({ ...entry }));
  const isLearned = (entry: FdbEntry): number => (entry.kind === KIND_DYNAMIC ? 1 : 0);
  entries.sort((a, b) => isLearned(a) - isLearned(b) || b.seen - a.seen);
  for (const entry of entries.slice(0, into.limit)) into.restore(entry);
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
