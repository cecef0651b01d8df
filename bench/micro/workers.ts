/**
 * What a frame costs with more workers, and how many frames they carry: threads with a data path each, between ports that only
 * touch memory, and one FDB and one board for all. Each has flows of its own, as the kernel deals them out. Takes all cores, so
 * it is run by itself. CPU time is that of the threads, which others on the machine disturb little; the rate they do disturb.
 *
 * Argument: seconds per case.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { BATCH_FRAMES_MAX, FDB_LIMIT_DEFAULT } from '../../src/limits.ts';
import { Board, type BoardBuffers } from '../../src/shared/board.ts';
import { FRAME_BYTES, makeFrame } from '../system/measure/test-frame.ts';
import { ACCESS, Rig, rigPlaces, turnDigest } from './rig.ts';
import { secondsPerCase } from './table.ts';

const WORKERS = [1, 2, 4];
const IP = { sourceAddress: '10.77.0.10', destinationAddress: '10.77.0.11', destinationPort: 9 };
const PAIRS = BATCH_FRAMES_MAX;
const WARM_UP_TURNS = 3000;
const US_PER_S = 1e6;
const NS_PER_US = 1000;

interface ThreadStart {
  worker: number;
  workers: number;
  seconds: number;
  board: BoardBuffers;
  fdb: SharedArrayBuffer;
  /** How many threads are ready: they begin together. */
  ready: Int32Array;
}

interface ThreadResult {
  frames: number;
  seconds: number;
  cpuMicros: number;
}

function mac(worker: number, port: number, n: number): string {
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
  return `02:00:00:${hex(worker)}:${hex(port)}:${hex(n)}`;
}

function measureThread({ worker, workers, seconds, board, fdb, ready }: ThreadStart): ThreadResult {
  const ports = [0, 1].map((port) => {
    const frames = Array.from({ length: PAIRS }, (_, n) =>
      makeFrame({ ...IP, sourceMac: mac(worker, port, n), destinationMac: mac(worker, 1 - port, n) }, 0),
    );
    return { config: ACCESS, arrivals: { frames, tpid: 0, tci: 0 } };
  });
  const rig = new Rig(ports, FDB_LIMIT_DEFAULT, { worker, board: new Board(board), fdb });
  for (let turn = 0; turn < WARM_UP_TURNS; turn++) rig.turn();
  const expected = turnDigest([BATCH_FRAMES_MAX, BATCH_FRAMES_MAX], FRAME_BYTES);
  Atomics.add(ready, 0, 1);
  while (Atomics.load(ready, 0) < workers);
  const [startMs, before] = [performance.now(), process.threadCpuUsage()];
  const endMs = startMs + seconds * 1000;
  let turns = 0;
  let wrong = 0;
  for (; performance.now() < endMs; turns++) wrong |= rig.turn() ^ expected;
  const { user, system } = process.threadCpuUsage(before);
  if (wrong !== 0) throw new Error('a frame was lost or flooded, so its time means nothing');
  const frames = turns * 2 * BATCH_FRAMES_MAX;
  return { frames, seconds: (performance.now() - startMs) / 1000, cpuMicros: user + system };
}

async function measure(workers: number, seconds: number): Promise<string> {
  const ready = new Int32Array(new SharedArrayBuffer(4));
  const results = await Promise.all(
    rigPlaces(workers, FDB_LIMIT_DEFAULT).map(({ worker, board, fdb }) => {
      const start: ThreadStart = { worker, workers, seconds, board: board.buffers, fdb, ready };
      return new Promise<ThreadResult>((resolve, reject) => {
        new Worker(new URL(import.meta.url), { workerData: start }).once('message', resolve).once('error', reject);
      });
    }),
  );
  const sum = (of: (result: ThreadResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  const nsPerFrame = (sum(({ cpuMicros }) => cpuMicros) * NS_PER_US) / sum(({ frames }) => frames);
  const perMicro = sum((result) => result.frames / result.seconds) / US_PER_S;
  return `| ${workers} | ${nsPerFrame.toFixed(0)} | ${perMicro.toFixed(1)} |`;
}

if (isMainThread) {
  console.log('| workers | CPU time per frame, ns | frames forwarded, millions per second |');
  console.log('| ------- | ---------------------- | ------------------------------------- |');
  for (const workers of WORKERS) console.log(await measure(workers, secondsPerCase()));
} else {
  parentPort!.postMessage(measureThread(workerData as ThreadStart));
}
