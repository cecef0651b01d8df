/** Pages of the FDB: every entry once, in order, however many there are. */
import { expect, test } from 'vitest';
import { fdbPage, keyOf, restoreEntries } from '../../src/control/fdb-view.ts';
import { Fdb, KIND_DYNAMIC, KIND_STATIC, KIND_STICKY } from '../../src/switching/fdb.ts';

const ENTRIES = 5000;
const CLOCK = 10_000;

/** `02:00:00:00:xx:xx` in some order, over four VLANs, entry n seen n ticks before the last. */
function table(limit: number, entries: number): Fdb {
  const fdb = new Fdb(Fdb.allocate({ limit, ageingTicks: 1_000_000, seed: 7 }), 1);
  for (let n = 0; n < entries; n++)
    fdb.restore({ ...keyOf(macOf(n), vlanOf(n)), handle: n % 3, kind: KIND_DYNAMIC, seen: CLOCK - n });
  return fdb;
}

function macOf(n: number): string {
  const last = (n * 40_503) & 0xffff;
  return `02:00:00:00:${(last >>> 8).toString(16).padStart(2, '0')}:${(last & 0xff).toString(16).padStart(2, '0')}`;
}

function vlanOf(n: number): number {
  return [1, 2047, 2048, 4094][n % 4]!;
}

function page(fdb: Fdb, limit: number, cursor: string | null) {
  return fdbPage(fdb, CLOCK, () => true, String, cursor === null ? { limit } : { limit, cursor });
}

test.each([1, 7, 1000, ENTRIES, 10_000])('pages of %i', (limit) => {
  const fdb = table(65_536, limit === 1 ? 50 : ENTRIES);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const { entries, total, nextCursor } = page(fdb, limit, cursor);
    expect(total).toBe(fdb.count);
    expect(entries.length).toBe(Math.min(limit, fdb.count - seen.length));
    for (const { vlan, mac } of entries) seen.push(`${String(vlan).padStart(4)} ${mac}`);
    cursor = nextCursor;
  } while (cursor !== null);
  expect(seen).toEqual(seen.toSorted());
  expect(new Set(seen).size).toBe(fdb.count);
});

test('a smaller table takes the given entries, then the youngest, as they are', async () => {
  const from = table(65_536, ENTRIES);
  from.restore({ ...keyOf('02:ff:00:00:00:01', 5), handle: 9, kind: KIND_STATIC, seen: 1 });
  from.restore({ ...keyOf('02:ff:00:00:00:02', 5), handle: 9, kind: KIND_STICKY, seen: 2 });
  const into = new Fdb(Fdb.allocate({ limit: 100, ageingTicks: 1_000_000, seed: 8 }), 1);
  await restoreEntries(from, into, CLOCK);
  expect(into.count).toBe(100);
  expect(into.evictions).toBe(0);
  const kept: Record<number, number> = {};
  into.forEach(CLOCK, ({ kind }) => (kept[kind] = (kept[kind] ?? 0) + 1));
  expect(kept).toEqual({ [KIND_DYNAMIC]: 98, [KIND_STATIC]: 1, [KIND_STICKY]: 1 });
  for (let n = 0; n < 98; n++) {
    const { high, low } = keyOf(macOf(n), vlanOf(n));
    expect(into.find(high, low, CLOCK)).toEqual({ high, low, handle: n % 3, kind: KIND_DYNAMIC, seen: CLOCK - n });
  }
});
