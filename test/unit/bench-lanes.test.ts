/** Lanes: all items once, so many at a time, and a failure is told when nothing is under way any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inLanes } from '../../bench/lanes.ts';

test('each item goes through one lane, and no more are under way than there are lanes', async () => {
  const done: number[] = [];
  let [now, most] = [0, 0];
  await inLanes([1, 2, 3, 4, 5], ['a', 'b'], async (item) => {
    most = Math.max(most, ++now);
    await sleep(1);
    done.push(item);
    now--;
  });
  expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test('what one lane fails with is thrown after the other has ended', async () => {
  const ended: string[] = [];
  const run = inLanes(['bad', 'good'], [1, 2], async (item) => {
    if (item === 'bad') throw new Error('broken');
    await sleep(20);
    ended.push(item);
  });
  await expect(run).rejects.toThrow('broken');
  expect(ended).toEqual(['good']);
});
