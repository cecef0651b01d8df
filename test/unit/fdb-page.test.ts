/** Pages of the FDB: every entry once, in order, however many there are. */
import { describe, expect, test } from 'vitest';
import { fdbPage, keyOf, restoreEntries } from '../../src/control/fdb-view.ts';
import { inTurns } from '../../src/control/turns.ts';
import { Fdb, type FdbEntry, KIND_DYNAMIC, KIND_STATIC, KIND_STICKY } from '../../src/switching/fdb.ts';

const ENTRIES = 5000;
const CLOCK = 1_000_000;

/** `02:00:00:xx:xx:xx` in some order, over four VLANs, entry n seen n ticks before the last. */
function table(limit: number, entries: number): Fdb {
  const fdb = new Fdb(Fdb.allocate({ limit, ageingTicks: 1_000_000, seed: 7 }), 1);
  for (let n = 0; n < entries; n++)
    fdb.restore({ ...keyOf(macOf(n), vlanOf(n)), handle: n % 3, kind: KIND_DYNAMIC, seen: CLOCK - n });
  return fdb;
}

function macOf(n: number): string {
  const digits = (Math.imul(n, 40_503) & 0xffffff).toString(16).padStart(6, '0');
  return `02:00:00:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}`;
}

function vlanOf(n: number): number {
  return [1, 2047, 2048, 4094][n % 4]!;
}

function page(fdb: Fdb, limit: number, cursor: string | null) {
  return fdbPage(fdb, CLOCK, () => true, String, cursor === null ? { limit } : { limit, cursor });
}

test.each([1, 7, 1000, ENTRIES, 10_000])('pages of %i', async (limit) => {
  const fdb = table(65_536, limit === 1 ? 50 : ENTRIES);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const { entries, total, nextCursor } = await page(fdb, limit, cursor);
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

describe('a table of many entries is worked on in slices', () => {
  const MANY = 200_000;
  /** What one turn may look at or change, with the main thread to itself. */
  const SLICE_PLACES = 64 * 4096;
  const SLICE_CHANGES = 64 * 256;

  /** Counts turns, and what `count` says was done between two of them. */
  function slices(count: () => number) {
    const done: number[] = [];
    let before = count();
    const turn = async (): Promise<void> => {
      done.push(Math.abs(count() - before));
      before = count();
    };
    return { turn, done };
  }

  test('a page', async () => {
    const fdb = table(1_048_576, ENTRIES);
    let met = 0;
    const { turn, done } = slices(() => met);
    const matches = (entry: FdbEntry): boolean => ++met > 0 && entry.handle === 1;
    const { total } = await fdbPage(fdb, CLOCK, matches, String, { limit: 10 }, turn);
    expect(total).toBe(Math.floor((ENTRIES + 1) / 3));
    expect(done.length).toBe((4 * 1_048_576) / SLICE_PLACES);
    expect(Math.max(...done)).toBeLessThan(ENTRIES / 4);
  });

  test('a flush', async () => {
    const fdb = table(1_048_576, MANY);
    const { count } = fdb;
    const { turn, done } = slices(() => fdb.count);
    expect(
      await inTurns(
        fdb.removing(({ handle }) => handle !== 1),
        turn,
      ),
    ).toBe(count - fdb.count);
    expect(done.length).toBe((4 * 1_048_576) / SLICE_CHANGES);
    expect(Math.max(...done)).toBeLessThan(SLICE_CHANGES);
  });

  test('what has aged', async () => {
    const fdb = table(1_048_576, MANY);
    const { count } = fdb;
    const { turn, done } = slices(() => fdb.count);
    expect(await inTurns(fdb.sweeping(CLOCK + 1_000_001), turn)).toBe(count);
    expect(fdb.count).toBe(0);
    expect(done.length).toBeGreaterThanOrEqual(count / SLICE_CHANGES - 1);
    expect(Math.max(...done)).toBeLessThanOrEqual(SLICE_CHANGES);
  });

  test('the move into another table', async () => {
    const from = table(1_048_576, MANY);
    const into = new Fdb(Fdb.allocate({ limit: 100_000, ageingTicks: 1_000_000, seed: 8 }), 1);
    const { turn, done } = slices(() => into.count);
    await restoreEntries(from, into, CLOCK, turn);
    expect(into.count).toBe(100_000);
    expect(Math.max(...done)).toBeLessThanOrEqual(64 * 8);
    let oldest = 0;
    into.forEach(CLOCK, ({ seen }) => (oldest = Math.max(oldest, CLOCK - seen)));
    expect(oldest).toBe(100_000 - 1);
  });
});
