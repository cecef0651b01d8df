/** A worker is taken for hung if it uses the processor without a beat, and not if it gets no processor. */
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { Heartbeats } from '../../src/control/heartbeats.ts';
import { ASLEEP, Board, HEARTBEAT, THREAD } from '../../src/shared/board.ts';
import { sleep } from '../support/lab.ts';

/** Far more checks than a hang takes, and far fewer than a thread may be without the processor. */
const WAIT_MS = 1500;

const deferred: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of deferred.splice(0)) await end();
});

/** @param then what the worker does after its only beat */
async function watch(then: string): Promise<{ board: Board; heartbeats: Heartbeats; hung: number[] }> {
  const board = Board.create(1);
  const page = board.page(0);
  const code = `
    const words = new Int32Array(require('node:worker_threads').workerData);
    words[${page + THREAD}] = Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1));
    Atomics.store(words, ${page + HEARTBEAT}, 1);
    Atomics.notify(words, ${page + HEARTBEAT});
    ${then}`;
  const thread = new Worker(code, { eval: true, workerData: board.buffers.words });
  const hung: number[] = [];
  const heartbeats = new Heartbeats(board, 1, (worker) => hung.push(worker));
  deferred.push(
    () => heartbeats.close(),
    () => thread.terminate(),
  );
  const { async, value } = Atomics.waitAsync(board.words, page + HEARTBEAT, 0);
  if (async) await value;
  return { board, heartbeats, hung };
}

test('one that runs without a beat is hung, and told of once', async () => {
  const { heartbeats, hung } = await watch('for (;;);');
  await expect.poll(() => hung).toEqual([0]);
  expect(heartbeats.isHung(0)).toBe(true);
  await sleep(300);
  expect(hung).toEqual([0]);

  heartbeats.ended(0);
  expect(heartbeats.isHung(0)).toBe(false);
});

test('one that gets no processor is not', async () => {
  const { heartbeats, hung } = await watch('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
  await sleep(WAIT_MS);
  expect(heartbeats.isHung(0)).toBe(false);
  expect(hung).toEqual([]);
});

test('one that sleeps is not', async () => {
  const { board, hung } = await watch('for (;;);');
  Atomics.store(board.words, board.page(0) + ASLEEP, 1);
  await sleep(WAIT_MS);
  expect(hung).toEqual([]);
});
