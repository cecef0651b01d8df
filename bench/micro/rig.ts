/** A data path between ports that only touch memory, for micro-benchmarks: what the kernel and the FFI library cost is not in it. */
import { DataPath } from '../../src/datapath/data-path.ts';
import type { Batch } from '../../src/frame/batch.ts';
import { VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';
import { BATCH_FRAMES_MAX, LOGIC_BUFFER_BYTES } from '../../src/limits.ts';
import { GATHER_LIST_BYTES, type GatherList } from '../../src/ports/gather-list.ts';
import type { Port } from '../../src/ports/port.ts';
import { Board } from '../../src/shared/board.ts';
import { CAPTURE_RING_BYTES, CaptureRingReader } from '../../src/shared/capture-ring.ts';
import { OFFLOADS_ALL, PORT_CONFIG_DEFAULT, type PortConfig } from '../../src/shared/commands.ts';
import type { LogicLoad, LogicReport } from '../../src/shared/logic-load.ts';
import { Fdb } from '../../src/switching/fdb.ts';
import type { AnyLogic } from '../../src/switching/logic.ts';
import { allocateLogicMemory } from '../../src/switching/logic-setup.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { EMPTY_DIGEST, fold } from './digest.ts';

/** FDB ticks: time stands still. */
export const NOW = 1;
const AGEING_TICKS = 3000;
const SLOT_BYTES = 128;
const SEED = 1;

export const ACCESS: PortConfig = { ...PORT_CONFIG_DEFAULT, offloads: OFFLOADS_ALL };

export interface Arrivals {
  /** Taken in turn, to fill a batch over and over. */
  frames: readonly Uint8Array[];
  /** The outer tag of all of them, as a packet socket hands it over: beside the bytes. 0: none. */
  tpid: number;
  tci: number;
}

/** A port that always has a full batch if it has arrivals, and takes all that is sent. */
export class MemoryOnlyPort implements Port {
  readonly handle: number;
  readonly keepsUnclaimed = true;
  /** Messages sent since this was last cleared, and the bytes of their frames. */
  sent = 0;
  sentBytes = 0;
  /** Where the messages of every transmit are also put together, while it is not null. */
  record: Uint8Array[] | null = null;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  #arrivals: Arrivals | null = null;

  /** @param at offset of BATCH_FRAMES_MAX slots in `bytes` */
  constructor(handle: number, bytes: Uint8Array, at: number) {
    this.handle = handle;
    this.#bytes = bytes;
    this.#at = at;
  }

  /** What arrives from now on; null: nothing. */
  use(arrivals: Arrivals | null): void {
    this.#arrivals = arrivals;
    for (let i = 0; arrivals !== null && i < BATCH_FRAMES_MAX; i++) {
      const frame = arrivals.frames[i % arrivals.frames.length]!;
      this.#bytes.set(frame, this.#at + i * SLOT_BYTES + VNET_HEADER_BYTES);
    }
  }

  pending(): boolean {
    return this.#arrivals !== null;
  }

  markReadable(): void {}

  clearError(): boolean {
    return true;
  }

  receive(batch: Batch): void {
    const { frames, tpid, tci } = this.#arrivals!;
    const length = frames[0]!.length;
    for (let i = 0; i < BATCH_FRAMES_MAX; i++) {
      batch.offset[i] = this.#at + i * SLOT_BYTES + VNET_HEADER_BYTES;
      batch.length[i] = length;
      batch.tpid[i] = tpid;
      batch.tci[i] = tci;
    }
    batch.count = BATCH_FRAMES_MAX;
  }

  claim(): void {}

  release(): void {}

  transmit(list: GatherList): void {
    const { status, wireBytes, count } = list;
    let bytes = 0;
    for (let m = 0; m < count; m++) bytes += wireBytes[m]!;
    status.fill(0, 0, count);
    this.sent += count;
    this.sentBytes += bytes;
    if (this.record !== null) this.#keep(list, this.record);
  }

  /** Puts the messages together as the kernel would. */
  #keep({ partAt, partBytes, count }: GatherList, record: Uint8Array[]): void {
    for (let m = 0; m < count; m++) {
      const parts = [2 * m, 2 * m + 1].map((part) =>
        this.#bytes.subarray(partAt[part], partAt[part]! + partBytes[part]!),
      );
      record.push(new Uint8Array(Buffer.concat(parts)).subarray(VNET_HEADER_BYTES));
    }
  }
}

export interface RigPort {
  config: PortConfig;
  arrivals: Arrivals | null;
}

export interface RigLogic {
  logic: AnyLogic;
  params: object;
  isShadow: boolean;
}

/** What the workers of one switch share, and which of them this is. */
export interface RigPlace {
  worker: number;
  board: Board;
  fdb: SharedArrayBuffer;
}

/** @param workers of the switch, for each a place */
export function rigPlaces(workers: number, fdbLimit: number): RigPlace[] {
  const board = Board.create(workers);
  const fdb = Fdb.allocate({ limit: fdbLimit, ageingTicks: AGEING_TICKS, seed: SEED });
  return Array.from({ length: workers }, (_, worker) => ({ worker, board, fdb }));
}

export class Rig {
  readonly ports: readonly MemoryOnlyPort[];
  readonly fdb: Fdb;
  readonly #dataPath: DataPath;
  #logics: readonly RigLogic[] = [];
  readonly #ring = new SharedArrayBuffer(CAPTURE_RING_BYTES);
  readonly #recorded = new CaptureRingReader(this.#ring);

  constructor(ports: readonly RigPort[], fdbLimit: number, place = rigPlaces(1, fdbLimit)[0]!) {
    const { worker, board, fdb } = place;
    const places = ports.length * BATCH_FRAMES_MAX;
    const bufferAt = GATHER_LIST_BYTES + places * SLOT_BYTES;
    const bytes = new Uint8Array(new SharedArrayBuffer(bufferAt + LOGIC_BUFFER_BYTES));
    // As far up as real arenas lie: addresses beyond 32 bits.
    const memory = { bytes, address: 0x7f00_8000_0000 };
    this.fdb = new Fdb(fdb, worker + 2);
    const open = ({ id }: LogicLoad): AnyLogic => this.#logics[id - 1]!.logic;
    const report = (what: LogicReport): void => {
      if ('fault' in what) throw new Error(what.fault.stack ?? what.fault.message);
    };
    this.#dataPath = new DataPath({
      worker,
      board,
      memory,
      gatherListAt: 0,
      fdb,
      logic: learning,
      loaded: { bufferAt, batchMsMax: Infinity, open, report },
    });
    this.ports = ports.map(({ config, arrivals }, handle) => {
      const at = GATHER_LIST_BYTES + handle * BATCH_FRAMES_MAX * SLOT_BYTES;
      const port = new MemoryOnlyPort(handle, bytes, at);
      port.use(arrivals);
      this.#dataPath.openPort(port, config);
      return port;
    });
  }

  /** Loads these, with their parameters as they come from the schema, instead of what was loaded. */
  load(logics: readonly RigLogic[]): void {
    this.#logics = logics;
    this.#dataPath.useLogics(
      logics.map(({ logic, params, isShadow }, k) => ({
        id: k + 1,
        name: logic.name,
        module: '',
        file: '',
        revision: 0,
        params,
        scope: { ports: [], vlans: [] },
        memory: allocateLogicMemory(logic, 1),
        isShadow,
        seed: SEED,
      })),
    );
  }

  /** From now on all that enters and leaves is captured up to a length, and let go at once; null: nothing is. */
  capture(snapLength: number | null): void {
    const ports = this.ports.map(({ handle }) => ({ handle, port: handle, received: 1, sent: 1, dropped: 1 }));
    const sinks = [{ sink: 0, snapLength: snapLength ?? 0, vlans: [], filter: null }];
    this.#dataPath.capture(snapLength === null ? null : { ring: this.#ring, sinks, ports });
  }

  /** Takes a batch from every port that has arrivals. @returns the digest of what left by each port */
  turn(): number {
    for (const port of this.ports) {
      port.sent = 0;
      port.sentBytes = 0;
    }
    this.#dataPath.turn(NOW);
    for (let record = this.#recorded.next(); record >= 0; record = this.#recorded.next()) {
      this.#recorded.release(record);
    }
    let digest = EMPTY_DIGEST;
    for (const port of this.ports) digest = fold(fold(digest, port.sent), port.sentBytes);
    return digest;
  }

  /** One turn, and all that left, by port. */
  record(): Uint8Array[][] {
    for (const port of this.ports) port.record = [];
    this.turn();
    return this.ports.map((port) => {
      const record = port.record ?? [];
      port.record = null;
      return record;
    });
  }
}

/** What `turn` is to give where port `p` sends `messages[p]` messages of `length` bytes. */
export function turnDigest(messages: readonly number[], length: number): number {
  let digest = EMPTY_DIGEST;
  for (const sent of messages) digest = fold(fold(digest, sent), sent * length);
  return digest;
}
