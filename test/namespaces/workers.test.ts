/** Workers as the control plane runs them: commands, replacement after a throw, and what survives it. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../native-bindings/abi/eventfd.ts';
import { O_CLOEXEC, O_RDWR } from '../../native-bindings/abi/fcntl.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import { Board } from '../../src/shared/board.ts';
import { PORT_CONFIG_DEFAULT, type Command } from '../../src/shared/commands.ts';
import { Fdb } from '../../src/switching/fdb.ts';
import { Workers } from '../../src/control/workers.ts';
import { until } from '../support/lab.ts';

/** A worker that is given this throws: a packet port has at least one ring. */
const POISON: Command = {
  do: 'open',
  handle: 7,
  resources: { kind: 'packet', sendFd: -1, sendFinishedFd: -1, rings: [] },
  config: PORT_CONFIG_DEFAULT,
};

/** As in src/control/workers.ts. */
const QUICK_FAILURE_MS = 1000;
const QUICK_RESTARTS = 3;
const RESTART_PAUSE_MS = 1000;

interface Ended {
  worker: number;
  error: unknown;
  ms: number;
}

let workers: Workers | undefined;
/** Times that workers said a watched descriptor was readable. */
let calls = 0;
afterEach(async () => {
  await workers?.close();
  workers = undefined;
});

function start(count: number): { workers: Workers; ended: Ended[] } {
  const ended: Ended[] = [];
  calls = 0;
  const fdb = Fdb.allocate({ limit: 100, ageingTicks: 3000, seed: 1 });
  workers = new Workers({
    count,
    board: Board.create(count),
    tapIo: 'syscalls',
    clockStartMs: 0,
    fdb: () => fdb,
    snapshot: () => [],
    onRestart: (worker, error) => ended.push({ worker, error, ms: performance.now() }),
    onPortFailed: () => {},
    onReadable: () => calls++,
  });
  return { workers, ended };
}

test('every worker acknowledges a command, awake or asleep', async () => {
  const { workers } = start(2);
  for (let k = 0; k < 20; k++)
    await workers.command(() => [{ do: 'switch', config: { forwardReserved: [k % 2 === 0], busyPollMicros: 0 } }]);
  await until('both to sleep', () => workers.views().every(({ state }) => state === 'asleep'));
  await workers.command(() => [{ do: 'switch', config: { forwardReserved: [], busyPollMicros: 0 } }]);
});

test('a descriptor that the control plane watches: it is called each time there is something, also by a new worker', async () => {
  const { workers } = start(2);
  const fd = check('eventfd', sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const one = new Uint8Array(new BigUint64Array([1n]).buffer);
  try {
    workers.watch(fd);
    for (let k = 1; k <= 3; k++) {
      sys.writeBytes(fd, one);
      await until('the call', () => calls === k);
    }
    await workers.fault(0, 'throw');
    const before = calls;
    sys.writeBytes(fd, one);
    await until('the call of the new worker', () => calls > before);
  } finally {
    sys.close(fd);
  }
});

test('a worker that throws is replaced, and its replacement acknowledges what was under way', async () => {
  const { workers, ended } = start(2);
  await workers.command((worker) => (worker === 1 ? [POISON] : []));
  expect(ended).toHaveLength(1);
  expect(ended[0]).toMatchObject({ worker: 1, error: { message: 'port 7 was opened without a ring' } });
  await workers.command(() => [{ do: 'switch', config: { forwardReserved: [], busyPollMicros: 0 } }]);
  expect(workers.views().map(({ restarts }) => restarts)).toEqual([0, 1]);
});

test('a worker that keeps throwing is replaced at once some times, then after a pause each time', async () => {
  const { workers, ended } = start(1);
  let [startedMs, endedMs] = [0, performance.now()];
  // A machine that stands still may let one live for more than a second: then the count begins anew.
  for (let quick = 0; quick <= QUICK_RESTARTS;) {
    startedMs = endedMs;
    await workers.fault(0, 'throw');
    endedMs = ended.at(-1)!.ms;
    quick = endedMs - startedMs < QUICK_FAILURE_MS ? quick + 1 : 0;
  }
  expect(performance.now() - endedMs).toBeGreaterThan(RESTART_PAUSE_MS - 100);
  await workers.command(() => [{ do: 'switch', config: { forwardReserved: [], busyPollMicros: 0 } }]);
});

test('a worker that hangs is replaced, once, and that it hung is told', async () => {
  const { workers, ended } = start(1);
  const fifo = join(tmpdir(), `tswt-${process.pid}-fifo`);
  execFileSync('mkfifo', [fifo]);
  try {
    // A descriptor that blocks where a TAP's never does: the worker is stuck in readv until something is written.
    const fd = check('open', sys.open(fifo, O_RDWR | O_CLOEXEC));
    await workers.command(() => [
      { do: 'open', handle: 3, resources: { kind: 'tap', fd, receives: true }, config: PORT_CONFIG_DEFAULT },
    ]);
    await until('the worker to be replaced', () => workers.views()[0]!.restarts === 1);
    expect(ended).toMatchObject([{ worker: 0, error: null }]);
    await workers.command(() => [{ do: 'switch', config: { forwardReserved: [], busyPollMicros: 0 } }]);
    await until('its replacement to rest', () => workers.views()[0]!.state === 'asleep');
    expect(workers.views()[0]!.restarts).toBe(1);
    sys.writeBytes(fd, new Uint8Array(64));
    sys.close(fd);
  } finally {
    rmSync(fifo);
  }
});
