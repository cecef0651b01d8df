/**
 * What a frame costs in JavaScript: heap bytes and time per known-unicast frame through the real data path, between two
 * ports that only touch memory. What the kernel and the FFI library cost on top is not in it.
 *
 * Heap bytes are the growth of the used heap. Run with a semi-space that no repetition fills (micro.ts), so that nothing is
 * collected meanwhile; then the figure is exact to the byte. Asking costs some, so what no frames cost is taken off.
 *
 * Argument: seconds of the timed run. Prints MicroRow[] as JSON.
 */
import { getHeapStatistics } from 'node:v8';
import { DataPath } from '../../src/datapath/data-path.ts';
import type { Batch } from '../../src/frame/batch.ts';
import { VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';
import { BATCH_FRAMES_MAX, FDB_LIMIT_DEFAULT } from '../../src/limits.ts';
import { GATHER_LIST_BYTES, type GatherList } from '../../src/ports/gather-list.ts';
import type { Port } from '../../src/ports/port.ts';
import { Board } from '../../src/shared/board.ts';
import { OFFLOADS_ALL, type PortConfig } from '../../src/shared/commands.ts';
import { Fdb } from '../../src/switching/fdb.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { spreadOf } from '../metrics.ts';
import { FRAME_BYTES, makeFrame } from '../system/measure/test-frame.ts';
import type { MicroRow } from './micro.ts';

const SLOT_BYTES = 128;
const NOW = 1;
const AGEING_TICKS = 3000;
const FRAMES_PER_TURN = 2 * BATCH_FRAMES_MAX;
const WARM_UP_TURNS = 5_000;
/** Turns between two looks at the clock. */
const TURNS_PER_LOOK = 100;
const REPETITIONS = 11;
/** Half a million frames: a 64 MiB semi-space holds 130 bytes for each. */
const MEASURED_TURNS = 1_000;
const BASE_TURNS = 10;
/** Without their last byte, which tells the pairs. */
const MAC_A = '02:00:00:00:0a:';
const MAC_B = '02:00:00:00:0b:';
/** As many as a batch has frames: no frame of a batch has the addresses of another, and nothing found for one serves the next. */
const MANY_PAIRS = BATCH_FRAMES_MAX;
const MANY_PAIRS_NAME = `tswitch data path, ${MANY_PAIRS} pairs`;
const CONFIG: PortConfig = {
  mode: 'access',
  vlan: 1,
  trunks: [],
  cvlans: [],
  tpid: 0x88a8,
  priorityTags: 'never',
  mtu: 1500,
  learning: true,
  floodUnknown: true,
  floodMulticast: true,
  floodBroadcast: true,
  isolated: false,
  broadcastLimit: null,
  multicastLimit: null,
  unknownLimit: null,
  blocked: false,
  up: true,
  offloads: OFFLOADS_ALL,
};

/** A port that always has a full batch of one frame over and over, and takes all that is sent. */
class EndlessPort implements Port {
  readonly handle: number;
  sent = 0;
  readonly #at: number;

  /** @param at offset of BATCH_FRAMES_MAX slots in `bytes`, which the frames fill in turn */
  constructor(handle: number, bytes: Uint8Array, at: number, frames: readonly Uint8Array[]) {
    this.handle = handle;
    this.#at = at;
    for (let i = 0; i < BATCH_FRAMES_MAX; i++) {
      bytes.set(frames[i % frames.length]!, at + i * SLOT_BYTES + VNET_HEADER_BYTES);
    }
  }

  pending(): boolean {
    return true;
  }

  markReadable(): void {}

  clearError(): boolean {
    return true;
  }

  receive(batch: Batch): void {
    for (let i = 0; i < BATCH_FRAMES_MAX; i++) {
      batch.offset[i] = this.#at + i * SLOT_BYTES + VNET_HEADER_BYTES;
      batch.length[i] = FRAME_BYTES;
      batch.tpid[i] = 0;
      batch.tci[i] = 0;
    }
    batch.count = BATCH_FRAMES_MAX;
  }

  release(): void {}

  transmit(list: GatherList): void {
    list.status.fill(0, 0, list.count);
    this.sent += list.count;
  }
}

/** @param pairs of hosts, one host of each behind either port, that take turns to send */
function makePorts(bytes: Uint8Array, pairs: number): [EndlessPort, EndlessPort] {
  const ip = { sourceAddress: '10.77.0.10', destinationAddress: '10.77.0.11', destinationPort: 9 };
  const hosts = Array.from({ length: pairs }, (_, n) => n.toString(16).padStart(2, '0'));
  const there = hosts.map((n) => makeFrame({ ...ip, sourceMac: `${MAC_A}${n}`, destinationMac: `${MAC_B}${n}` }, 0));
  const back = hosts.map((n) => makeFrame({ ...ip, sourceMac: `${MAC_B}${n}`, destinationMac: `${MAC_A}${n}` }, 0));
  const first = new EndlessPort(0, bytes, GATHER_LIST_BYTES, there);
  return [first, new EndlessPort(1, bytes, GATHER_LIST_BYTES + BATCH_FRAMES_MAX * SLOT_BYTES, back)];
}

function turn(dataPath: DataPath, turns: number): void {
  for (let n = 0; n < turns; n++) dataPath.turn(NOW);
}

/** The median of some repetitions: the engine's own work (compiling) shows in some of them, what frames cost in all. */
function heapBytesOf(dataPath: DataPath, turns: number): number {
  const grown = Array.from({ length: REPETITIONS }, () => {
    const before = getHeapStatistics().used_heap_size;
    turn(dataPath, turns);
    return getHeapStatistics().used_heap_size - before;
  });
  return spreadOf(grown).median;
}

function measure(pairs: number, seconds: number): { nsPerFrame: number; heapBytesPerFrame: number } {
  const bytes = new Uint8Array(new SharedArrayBuffer(GATHER_LIST_BYTES + FRAMES_PER_TURN * SLOT_BYTES));
  const dataPath = new DataPath({
    worker: 0,
    board: Board.create(1),
    memory: { bytes, address: 0 },
    gatherListAt: 0,
    fdb: Fdb.allocate({ limit: FDB_LIMIT_DEFAULT, ageingTicks: AGEING_TICKS, seed: 1 }),
    logic: learning,
  });
  const ports = makePorts(bytes, pairs);
  for (const port of ports) dataPath.openPort(port, CONFIG);

  turn(dataPath, WARM_UP_TURNS);
  const [a, b] = ports;
  const sentBefore = a.sent + b.sent;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let turns = 0;
  for (; performance.now() < endMs; turns += TURNS_PER_LOOK) turn(dataPath, TURNS_PER_LOOK);
  const elapsedMs = performance.now() - startMs;
  if (a.sent + b.sent - sentBefore !== turns * FRAMES_PER_TURN) throw new Error('not every frame was forwarded');

  const heapBytes = heapBytesOf(dataPath, BASE_TURNS + MEASURED_TURNS) - heapBytesOf(dataPath, BASE_TURNS);
  if (heapBytes < 0) throw new Error('so much was allocated that it was collected; the heap cannot tell how much');
  return {
    nsPerFrame: (elapsedMs * 1e6) / (turns * FRAMES_PER_TURN),
    heapBytesPerFrame: heapBytes / (MEASURED_TURNS * FRAMES_PER_TURN),
  };
}

const seconds = Number(process.argv[2] ?? 1);
const onePair = measure(1, seconds);
const manyPairs = measure(MANY_PAIRS, seconds);
const rows: MicroRow[] = [
  { name: 'tswitch data path', metric: 'nsPerFrame', value: onePair.nsPerFrame },
  { name: 'tswitch data path', metric: 'heapBytesPerFrame', value: onePair.heapBytesPerFrame },
  { name: MANY_PAIRS_NAME, metric: 'nsPerFrame', value: manyPairs.nsPerFrame },
  { name: MANY_PAIRS_NAME, metric: 'heapBytesPerFrame', value: manyPairs.heapBytesPerFrame },
];
process.stdout.write(`${JSON.stringify(rows)}\n`);
