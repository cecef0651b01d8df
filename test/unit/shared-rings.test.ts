/** What workers leave for the control plane in shared memory: drop samples and happenings. */
import { expect, test } from 'vitest';
import { DROP_SAMPLES_BYTES, DropSamples, SAMPLE_BYTES_MAX } from '../../src/shared/drop-samples.ts';
import {
  type Happening,
  Happenings,
  HAPPENINGS_BYTES,
  HELD,
  LEARNED,
  LOOP,
  STORM,
} from '../../src/shared/happenings.ts';

test('samples of a port that is no more are not those of the next one with its handle', () => {
  const buffer = new SharedArrayBuffer(DROP_SAMPLES_BYTES);
  const worker = new DropSamples(buffer);
  const frame = Uint8Array.of(1, 2, 3);
  for (const [handle, tick] of [
    [7, 1],
    [8, 1],
    [7, 2],
  ] as const) {
    worker.take(5, handle, frame, 0, 3, 0, tick);
  }
  new DropSamples(buffer).forget(7);
  expect(worker.read(5).map(({ handle }) => handle)).toEqual([8]);
  for (let tick = 3; tick < 7; tick++) worker.take(5, 7, frame, 0, 3, 0, tick);
  expect(worker.read(5).map(({ handle, tick }) => [handle, tick])).toEqual([
    [7, 4],
    [7, 5],
    [7, 6],
    [7, 3],
  ]);
});

test('of a frame that was cut, a sample has the length that it had', () => {
  const samples = new DropSamples(new SharedArrayBuffer(DROP_SAMPLES_BYTES));
  samples.take(1, 7, new Uint8Array(1000), 0, -70_000, 0, 1);
  expect(samples.read(1)).toMatchObject([{ length: 70_000, bytes: new Uint8Array(SAMPLE_BYTES_MAX) }]);
});

test('a spray of new addresses does not hide that one is held', () => {
  const happenings = new Happenings(new SharedArrayBuffer(HAPPENINGS_BYTES));
  for (let n = 0; n < 5000; n++) happenings.noteFdb(LEARNED, 1, 1, 1 << 16, n, 3);
  for (let n = 0; n < 5000; n++) happenings.noteFdb(HELD, 1, 2, 2 << 16, n, 3);
  const told: Happening[] = [];
  const suppressed = happenings.drain((happening) => told.push({ ...happening }));
  expect(told.filter(({ kind }) => kind === LEARNED)).toHaveLength(100);
  expect(told.filter(({ kind }) => kind === HELD)).toHaveLength(10);
  expect(suppressed).toBe(10_000 - 110);
});

test('a probe that is sent back again and again leaves room for what else happens', () => {
  const happenings = new Happenings(new SharedArrayBuffer(HAPPENINGS_BYTES));
  for (let n = 0; n < 5000; n++) happenings.noteLoop(1, 1, 3);
  happenings.noteStorm(2, 0, 1 << 16, 1, 3);
  happenings.noteLoop(1, 1, 4);
  const told: Happening[] = [];
  happenings.drain((happening) => told.push({ ...happening }));
  expect(told.map(({ kind }) => kind)).toEqual([...Array<number>(10).fill(LOOP), STORM, LOOP]);
});
