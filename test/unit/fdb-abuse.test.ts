/** The FDB against who floods it with addresses, moves them to and fro, or claims those of others. */
import { describe, expect, test } from 'vitest';
import {
  Fdb,
  HELD,
  HELD_NOW,
  keyHigh,
  keyLow,
  KIND_STATIC,
  KIND_STICKY,
  LEARNED,
  MOVED,
  NOT_LEARNED,
  PINNED,
  UNCHANGED,
} from '../../src/switching/fdb.ts';
import { FdbIndex } from '../../src/switching/fdb-index.ts';
import { FdbMemory } from '../../src/switching/fdb-layout.ts';
import { expectConsistent } from '../support/fdb-check.ts';
import { mac, macBytes } from '../support/frames.ts';

const AGEING = 3000;
const [VICTIM, ATTACKER] = [1, 2];

function table(limit: number): Fdb {
  return new Fdb(Fdb.allocate({ limit, ageingTicks: AGEING, seed: 7 }), 1);
}

function key(n: number, vlan = 1): [high: number, low: number] {
  const bytes = Uint8Array.from(macBytes(mac(n)));
  return [keyHigh(bytes, 0, vlan), keyLow(bytes, 0)];
}

describe('a full table', () => {
  test("a port's spray costs its own oldest entries, and nobody else's", () => {
    const fdb = table(1000);
    for (let n = 0; n < 10; n++) fdb.learn(...key(n), VICTIM, 0);
    const sprayed = 200_000;
    for (let n = 0; n < sprayed; n++) fdb.learn(0x10300, n, ATTACKER, Math.floor(n / 100));
    const now = Math.floor(sprayed / 100);
    for (let n = 0; n < 10; n++) expect(fdb.lookup(...key(n), now)).toBe(VICTIM);
    expect([fdb.count, fdb.portCount(VICTIM), fdb.portCount(ATTACKER)]).toEqual([1000, 10, 990]);
    expect(fdb.evictions).toBe(sprayed - 990);
    // To a tick's accuracy: all of the last nine ticks are there, none of before the last ten.
    for (let n = sprayed - 900; n < sprayed; n++) expect(fdb.lookup(0x10300, n, now)).toBe(ATTACKER);
    for (let n = 0; n < sprayed - 1100; n++) expect(fdb.lookup(0x10300, n, now)).toBe(-1);
    expectConsistent(fdb.buffer);
  });

  test('an entry that is used outlives one that is not, whenever each was learned', () => {
    const fdb = table(100);
    for (let n = 0; n < 100; n++) fdb.learn(...key(n), ATTACKER, 0);
    for (let n = 0; n < 40; n++) fdb.learn(...key(n), ATTACKER, 500);
    for (let n = 100; n < 160; n++) fdb.learn(...key(n), ATTACKER, 600);
    for (let n = 0; n < 40; n++) expect(fdb.lookup(...key(n), 600)).toBe(ATTACKER);
    for (let n = 40; n < 100; n++) expect(fdb.lookup(...key(n), 600)).toBe(-1);
  });

  test('two ports that flood share it', () => {
    const fdb = table(1000);
    for (let n = 0; n < 1000; n++) fdb.learn(0x10300, n, ATTACKER, 0);
    for (let n = 0; n < 5000; n++) {
      fdb.learn(0x10300, 10_000 + n, ATTACKER, 1 + Math.floor(n / 10));
      fdb.learn(0x10400, n, 3, 1 + Math.floor(n / 10));
    }
    expect(Math.abs(fdb.portCount(ATTACKER) - fdb.portCount(3))).toBeLessThanOrEqual(1);
    expectConsistent(fdb.buffer);
  });

  test('given entries never go; where there is nothing else, nothing is learned', () => {
    const fdb = table(10);
    for (let n = 0; n < 9; n++) expect(fdb.give(...key(n), VICTIM, KIND_STATIC, 0)).toBe(true);
    for (let n = 0; n < 1000; n++) fdb.learn(0x10300, n, ATTACKER, n);
    expect(fdb.give(...key(9), VICTIM, KIND_STICKY, 0)).toBe(true);
    expect(fdb.learn(0x10300, 1, ATTACKER, 0)).toBe(NOT_LEARNED);
    expect(fdb.give(...key(10), VICTIM, KIND_STATIC, 0)).toBe(false);
    expect(fdb.give(...key(9), VICTIM, KIND_STATIC, 0)).toBe(true);
    expectConsistent(fdb.buffer);
  });

  test("addresses chosen for a victim's buckets do not push it out, even by who knows the seed", () => {
    const fdb = table(4096);
    const [high, low] = key(1);
    fdb.learn(high, low, VICTIM, 0);
    const index = new FdbIndex(new FdbMemory(fdb.buffer));
    const buckets = new Set([index.bucket(high, low, 0), index.bucket(high, low, 1)]);
    let aimed = 0;
    for (let n = 0; aimed < 200; n++) {
      if (!buckets.has(index.bucket(0x10300, n, 0)) && !buckets.has(index.bucket(0x10300, n, 1))) continue;
      aimed++;
      fdb.learn(0x10300, n, ATTACKER, 1);
    }
    expect(fdb.lookup(high, low, 1)).toBe(VICTIM);
    expectConsistent(fdb.buffer);
  });
});

test("a port's limit: no new address, none that moves there, and those it has stay", () => {
  const fdb = table(100);
  fdb.setPortLimit(ATTACKER, 2);
  expect([1, 2, 3].map((n) => fdb.learn(...key(n), ATTACKER, 0))).toEqual([LEARNED, LEARNED, NOT_LEARNED]);
  fdb.learn(...key(9), VICTIM, 0);
  expect(fdb.learn(...key(9), ATTACKER, 1)).toBe(NOT_LEARNED);
  expect(fdb.lookup(...key(9), 1)).toBe(VICTIM);
  expect(fdb.learn(...key(1), ATTACKER, 5)).toBe(UNCHANGED);
  fdb.setPortLimit(ATTACKER, 0);
  expect(fdb.lookup(...key(1), 5)).toBe(ATTACKER);
  fdb.setPortLimit(ATTACKER, -1);
  expect(fdb.learn(...key(3), ATTACKER, 5)).toBe(LEARNED);
});

describe('given entries', () => {
  test('static: never moves, never ages', () => {
    const fdb = table(100);
    fdb.give(...key(1), VICTIM, KIND_STATIC, 0);
    expect(fdb.learn(...key(1), ATTACKER, 100 * AGEING)).toBe(PINNED);
    expect(fdb.isPinnedElsewhere(...key(1), ATTACKER, 0)).toBe(true);
    expect(fdb.isPinnedElsewhere(...key(1), VICTIM, 0)).toBe(false);
    expect(fdb.sweep(100 * AGEING)).toBe(0);
    expect(fdb.lookup(...key(1), 100 * AGEING)).toBe(VICTIM);
    expect(fdb.givenCount).toBe(1);
  });

  test('sticky: does not move while alive; used, it stays; unused, it ages and is learned anew', () => {
    const fdb = table(100);
    fdb.give(...key(1), VICTIM, KIND_STICKY, 0);
    expect(fdb.learn(...key(1), VICTIM, AGEING)).toBe(UNCHANGED);
    expect(fdb.learn(...key(1), ATTACKER, 2 * AGEING)).toBe(PINNED);
    expect(fdb.isPinnedElsewhere(...key(1), ATTACKER, 2 * AGEING + 1)).toBe(false);
    expect(fdb.learn(...key(1), ATTACKER, 2 * AGEING + 1)).toBe(LEARNED);
    expect(fdb.givenCount).toBe(0);
    expectConsistent(fdb.buffer);
  });

  test('aged sticky ones are swept, and told', () => {
    const fdb = table(100);
    fdb.give(...key(1), VICTIM, KIND_STICKY, 0);
    fdb.learn(...key(2), VICTIM, 0);
    const told: number[] = [];
    expect(fdb.sweep(AGEING + 10, ({ kind }) => told.push(kind))).toBe(2);
    expect(told.toSorted((a, b) => a - b)).toEqual([1, KIND_STICKY]);
    expect([fdb.count, fdb.givenCount]).toEqual([0, 0]);
  });

  test('remove takes one of any kind', () => {
    const fdb = table(100);
    fdb.give(...key(1), VICTIM, KIND_STATIC, 0);
    expect([fdb.remove(...key(1)), fdb.remove(...key(1))]).toEqual([true, false]);
    expectConsistent(fdb.buffer);
  });
});

describe('an address that moves to and fro', () => {
  function flap(fdb: Fdb, moves: number, now: number): number[] {
    return Array.from({ length: moves }, (_, n) => fdb.learn(...key(1), n % 2 === 0 ? ATTACKER : VICTIM, now));
  }

  test('is put back and held where it was, then may move again', () => {
    const fdb = table(100);
    fdb.setMoveLimit(5, 100);
    fdb.learn(...key(1), VICTIM, 0);
    expect(flap(fdb, 8, 1)).toEqual([MOVED, MOVED, MOVED, MOVED, MOVED, HELD_NOW, HELD, UNCHANGED]);
    expect(fdb.lookup(...key(1), 50)).toBe(VICTIM);
    expect(fdb.learn(...key(1), ATTACKER, 100)).toBe(HELD);
    expect(fdb.learn(...key(1), ATTACKER, 101)).toBe(MOVED);
    expectConsistent(fdb.buffer);
  });

  test('slowly is not held, nor without a limit', () => {
    const fdb = table(100);
    fdb.setMoveLimit(5, 100);
    fdb.learn(...key(1), VICTIM, 0);
    for (let n = 0; n < 100; n++) expect(fdb.learn(...key(1), n % 2 === 0 ? ATTACKER : VICTIM, n * 3)).toBe(MOVED);
    fdb.setMoveLimit(0, 100);
    expect(new Set(flap(fdb, 100, 400))).toEqual(new Set([MOVED]));
  });

  test('is free again when the port that holds it is', () => {
    const fdb = table(100);
    fdb.setMoveLimit(2, 100);
    fdb.learn(...key(1), VICTIM, 0);
    flap(fdb, 5, 1);
    fdb.removeWhere(({ handle }) => handle === VICTIM);
    expect(fdb.learn(...key(1), ATTACKER, 2)).toBe(LEARNED);
    expect(fdb.lookup(...key(1), 2)).toBe(ATTACKER);
  });
});

test('slots of another width: the first sweep puts all entries in order again', () => {
  const fdb = table(1000);
  for (let n = 0; n < 1000; n++) fdb.learn(...key(n), VICTIM, n);
  // Slots of 32 ticks.
  fdb.ageingTicks = 100_000;
  expectConsistent(fdb.buffer);
  for (let n = 0; n < 1000; n++) expect(fdb.lookup(...key(n), 1000)).toBe(VICTIM);
  expect(fdb.sweep(1000)).toBe(0);
  expectConsistent(fdb.buffer);
  for (let n = 0; n < 32; n++) fdb.learn(...key(1000 + n), VICTIM, 1000);
  for (let n = 0; n < 1032; n++) expect(fdb.lookup(...key(n), 1000)).toBe(n < 32 ? -1 : VICTIM);
  expectConsistent(fdb.buffer);
});

test('a changed ageing time counts for what is there, and the order is kept', () => {
  const fdb = table(100);
  for (let n = 0; n < 100; n++) fdb.learn(...key(n), VICTIM, n);
  fdb.ageingTicks = 10_000_000;
  expectConsistent(fdb.buffer);
  fdb.ageingTicks = 100;
  expectConsistent(fdb.buffer);
  expect(fdb.sweep(150)).toBe(50);
  expect(fdb.lookup(...key(50), 150)).toBe(VICTIM);
  expect(fdb.lookup(...key(49), 150)).toBe(-1);
});
