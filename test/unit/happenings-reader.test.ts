/** The control plane's end of the happenings: what workers left out is told as one number, now and then. */
import { expect, test } from 'vitest';
import { HappeningsReader } from '../../src/control/happenings-reader.ts';
import { Happenings, HAPPENINGS_BYTES, LEARNED } from '../../src/shared/happenings.ts';

const TICKS = 20;
const PER_TICK = 500;
/** Of these a worker tells so many, as shared/happenings.ts says. */
const TOLD_PER_TICK = 100;
const BETWEEN_TICKS_MS = 30;

test('a spray in two workers is told as one number a second', async () => {
  const buffers = [0, 1].map(() => new SharedArrayBuffer(HAPPENINGS_BYTES));
  const workers = buffers.map((buffer) => new Happenings(buffer));
  let told = 0;
  const suppressed: number[] = [];
  const reader = new HappeningsReader(buffers, {
    onHappening: () => told++,
    onSuppressed: (count) => suppressed.push(count),
  });
  const startMs = performance.now();
  for (let tick = 1; tick <= TICKS; tick++) {
    for (const worker of workers) for (let n = 0; n < PER_TICK; n++) worker.noteFdb(LEARNED, 1, 1, 1 << 16, n, tick);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_TICKS_MS));
  }
  const sum = (): number => suppressed.reduce((all, count) => all + count, 0);
  await expect.poll(() => told + sum()).toBe(2 * TICKS * PER_TICK);
  expect(told).toBeLessThanOrEqual(2 * TICKS * TOLD_PER_TICK);
  expect(suppressed.length).toBeLessThanOrEqual(1 + (performance.now() - startMs) / 1000);
  await reader.close();
});
