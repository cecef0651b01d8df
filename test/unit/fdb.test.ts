/** The FDB as a table: capacity, limit, concurrent owners, and what a dead owner leaves behind. */
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { COUNT, FdbMemory, LOCK } from '../../src/switching/fdb-layout.ts';
import { Fdb, keyHigh, keyLow, KIND_STICKY, LEARNED, MOVED, NOT_LEARNED, UNCHANGED } from '../../src/switching/fdb.ts';
import { expectConsistent } from '../support/fdb-check.ts';
import { mac, macBytes } from '../support/frames.ts';

const AGEING = 3000;
/** Look-ups of one run. */
const RUN = 8;

function table(limit: number, owner = 1): Fdb {
  return new Fdb(Fdb.allocate({ limit, ageingTicks: AGEING, seed: 7 }), owner);
}

function key(n: number, vlan = 1): [high: number, low: number] {
  const bytes = Uint8Array.from(macBytes(mac(n)));
  return [keyHigh(bytes, 0, vlan), keyLow(bytes, 0)];
}

test('learning says what it did', () => {
  const fdb = table(100);
  expect(fdb.learn(...key(1), 3, 0)).toBe(LEARNED);
  expect(fdb.learn(...key(1), 3, 5)).toBe(UNCHANGED);
  expect(fdb.learn(...key(1), 4, 5)).toBe(MOVED);
  expect(fdb.lookup(...key(1), 5)).toBe(4);
  expect(fdb.lookup(...key(1, 2), 5)).toBe(-1);
  expect(fdb.count).toBe(1);
});

test.each([1, 2, 16, 1000, 65_536])('a table for %i entries holds that many, and not one more', (limit) => {
  const fdb = table(limit);
  for (let n = 0; n < limit; n++) fdb.learn(...key(n), n % 200, 0);
  expect(fdb.count).toBe(limit);
  for (let n = 0; n < limit; n++) expect(fdb.lookup(...key(n), 0)).toBe(n % 200);
  for (let n = limit; n < limit + 1000; n++) fdb.learn(...key(n), 7, 1);
  expect(fdb.count).toBeLessThanOrEqual(limit);
});

test('the largest table holds its limit, and every address is found where it is', () => {
  const limit = 1_048_576;
  const fdb = table(limit);
  for (let n = 0; n < limit; n++) fdb.learn(...keyOf(n), n % 200, 0);
  expect([fdb.count, fdb.evictions]).toEqual([limit, 0]);
  let wrong = 0;
  for (let n = 0; n < limit; n++) if (fdb.lookup(...keyOf(n), 0) !== n % 200) wrong++;
  expect(wrong).toBe(0);
  for (let n = limit; n < limit + 1000; n++) expect(fdb.learn(...keyOf(n), 7, 1)).toBe(LEARNED);
  expect(fdb.count).toBe(limit);

  /** Without a text for each. */
  function keyOf(n: number): [high: number, low: number] {
    return [((1 + (n & 7)) << 16) | 0x0200, n];
  }
});

test.each([1, 16, 1000])('a full table for %i entries takes every new address, and gives up an old one', (limit) => {
  const fdb = table(limit);
  for (let n = 0; n < limit; n++) fdb.learn(...key(n), 1, 0);
  for (let n = limit; n < 3 * limit; n++) {
    expect(fdb.learn(...key(n), 2, 20)).toBe(LEARNED);
    expect(fdb.lookup(...key(n), 20)).toBe(2);
    expect(fdb.count).toBe(limit);
  }
});

test('a copy holds the same, also in the memory of an earlier copy, and goes its own way', () => {
  const fdb = table(1000);
  for (let n = 0; n < 300; n++) fdb.learn(...key(n), n % 5, n % 50);
  const earlier = Fdb.copyOf(fdb.buffer);
  const other = table(900);
  for (let n = 100; n < 200; n++) other.learn(...key(n), 7, 3);
  other.give(...key(150), 8, KIND_STICKY, 4);
  other.setPortLimit(7, 99);
  const copy = Fdb.copyOf(other.buffer, earlier);
  expect(copy).toBe(earlier);
  expectConsistent(copy);
  const copied = new Fdb(copy, 2);
  expect([copied.count, copied.givenCount, copied.limit]).toEqual([100, 1, 900]);
  for (let n = 0; n < 300; n++) expect(copied.lookup(...key(n), 50)).toBe(other.lookup(...key(n), 50));
  expect(copied.learn(...key(500), 7, 50)).toBe(NOT_LEARNED);
  expect(copied.learn(...key(500), 6, 50)).toBe(LEARNED);
  expect([other.count, fdb.count]).toEqual([100, 300]);
  expect(Fdb.copyOf(table(65_536).buffer, earlier)).not.toBe(earlier);
});

describe('deleting', () => {
  test('removes what matches and counts it', () => {
    const fdb = table(1000);
    for (let n = 0; n < 100; n++) fdb.learn(...key(n, 1 + (n % 2)), n % 4, 0);
    expect(fdb.removeWhere((entry) => entry.handle === 3)).toBe(25);
    expect(fdb.removeWhere((entry) => entry.high >>> 16 === 1)).toBe(50);
    expect(fdb.count).toBe(25);
  });

  test('sweeping collects what has aged and nothing else', () => {
    const fdb = table(1000);
    fdb.learn(...key(1), 1, 0);
    fdb.learn(...key(2), 1, 10);
    expect(fdb.sweep(AGEING)).toBe(0);
    expect(fdb.sweep(AGEING + 1)).toBe(1);
    expect(fdb.lookup(...key(2), AGEING + 1)).toBe(1);
  });
});

describe('a dead owner', () => {
  const dead = 9;

  test('whose lock stands in the way stops learning, until it is freed', () => {
    const fdb = table(10);
    new Int32Array(fdb.buffer)[LOCK] = dead;
    expect(fdb.learn(...key(1), 1, 0)).toBe(NOT_LEARNED);
    fdb.freeLocksOf(8);
    expect(fdb.learn(...key(1), 1, 0)).toBe(NOT_LEARNED);
    fdb.freeLocksOf(dead);
    expect(fdb.learn(...key(1), 1, 0)).toBe(LEARNED);
  });

  test('leaves nothing half-done, whatever it was at: all that is derived is made anew', () => {
    const fdb = table(1000);
    for (let n = 0; n < 500; n++) fdb.learn(...key(n), n % 7, n % 50);
    fdb.give(...key(900), 3, KIND_STICKY, 5);
    const { header, links, heads, counts, tournament, filled } = new FdbMemory(fdb.buffer);
    for (const words of [links, counts, tournament]) for (let k = 0; k < words.length; k += 3) words[k] = 1;
    heads.fill(0, 0, 50_000);
    filled[3] = -1;
    header[COUNT] = 3;
    header[LOCK] = dead;
    fdb.freeLocksOf(dead);
    expectConsistent(fdb.buffer);
    expect(fdb.count).toBe(501);
    for (let n = 0; n < 500; n++) expect(fdb.lookup(...key(n), 50)).toBe(n % 7);
  });
});

describe('a run of look-ups', () => {
  const buffer = Fdb.allocate({ limit: 100, ageingTicks: AGEING, seed: 7 });
  const mine = new Fdb(buffer, 1);
  const other = new Fdb(buffer, 2);
  other.learn(...key(1), 5, 0);

  test('is undisturbed where nobody, or only its own user, changes the table', () => {
    mine.watch();
    expect(mine.peek(...key(1), 0)).toBe(5);
    expect(mine.peek(...key(1), AGEING + 1)).toBe(-1);
    expect(mine.learn(...key(2), 3, 0)).toBe(LEARNED);
    expect(mine.learn(...key(2), 4, 0)).toBe(MOVED);
    expect(mine.peek(...key(2), 0)).toBe(4);
    expect(mine.isUndisturbed()).toBe(true);
  });

  test.each<[string, () => void]>([
    ['learns', () => other.learn(...key(3), 3, 0)],
    ['moves', () => other.learn(...key(1), 6, 0)],
    ['deletes', () => other.remove(...key(3))],
  ])('is disturbed where another one %s', (_, change) => {
    mine.watch();
    change();
    expect(mine.isUndisturbed()).toBe(false);
  });

  test('is undisturbed where another one refreshes', () => {
    mine.watch();
    expect(other.learn(...key(1), 6, 1)).toBe(UNCHANGED);
    expect(mine.isUndisturbed()).toBe(true);
  });

  test('is disturbed while another one has the lock', () => {
    const { header } = new FdbMemory(buffer);
    header[LOCK] = 2;
    mine.watch();
    header[LOCK] = 0;
    expect(mine.isUndisturbed()).toBe(false);
  });
});

test('while other threads learn, move and delete, a reader never gets a wrong port', async () => {
  const buffer = Fdb.allocate({ limit: 64, ageingTicks: AGEING, seed: 7 });
  const reader = new Fdb(buffer, 1);
  // Every address has a port of its own, so whatever else a look-up gives is wrong. 200 addresses share 64 places.
  const writer = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { Fdb } = await import(workerData.module);
    const fdb = new Fdb(workerData.buffer, workerData.owner);
    for (let round = 0; round < 3000; round++) {
      for (let n = 0; n < 200; n += 7) fdb.learn(0x10200, (n + round) % 200, (n + round) % 200, round % 50);
      if (round % 100 === 0) fdb.removeWhere((entry) => entry.low % 3 === 0);
      if (round % 10 === 0) fdb.give(0x10200, round % 200, round % 200, 2 + (round % 20) / 10, round % 50);
      if (round % 30 === 0) fdb.remove(0x10200, round % 200);
    }
    parentPort.postMessage('done');`;
  const module = new URL('../../src/switching/fdb.ts', import.meta.url).href;
  const source = new URL(`data:text/javascript,${encodeURIComponent(writer)}`);
  const workers = [2, 3].map((owner) => new Worker(source, { workerData: { module, buffer, owner } }));
  const done = Promise.all(
    workers.map((worker) => new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))),
  );
  let running = true;
  void done.finally(() => (running = false));
  let found = 0;
  while (running) {
    for (let n = 0; n < 200; n++) {
      const handle = reader.lookup(0x10200, n, 0);
      if (handle === -1) continue;
      found++;
      if (handle !== n) expect.fail(`address ${n} was found on port ${handle}`);
    }
    for (let n = 0; n < 200; n += RUN) {
      reader.watch();
      const run = Array.from({ length: RUN }, (_, k) => reader.peek(0x10200, n + k, 0));
      if (!reader.isUndisturbed()) continue;
      const wrong = run.findIndex((handle, k) => handle !== -1 && handle !== n + k);
      if (wrong >= 0) expect.fail(`address ${n + wrong} was found on port ${run[wrong]} in an undisturbed run`);
    }
    reader.sweep(60);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  expect(found).toBeGreaterThan(0);
  expect(reader.count).toBeLessThanOrEqual(64);
  expectConsistent(buffer);
});
