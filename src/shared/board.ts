/**
 * The board: the shared memory between the control plane and the workers, apart from the FDB and the frames.
 *
 * Words: an epoch word written by the control plane, and one by which workers call it; one page of words per worker, a cache
 * line or more apart, written by that worker alone. Cursors: where each worker stands in each receive ring, so that its replacement goes on there.
 * Counters: one row of doubles per worker and port (exact to 2^53; a lone writer and an aligned store need no lock, and
 * 64-bit atomics would allocate a BigInt each). Storms: the token buckets of flood limits, shared by all workers. Probe
 * tokens: what loop probes of each port carry. And per worker a ring of happenings (happenings.ts), the last dropped
 * frames (drop-samples.ts) and what a batch holds.
 */
import { BATCH_COLUMN_BYTES } from '../frame/batch.ts';
import { PORTS_MAX } from '../limits.ts';
import { DROP_SAMPLES_BYTES } from './drop-samples.ts';
import { HAPPENINGS_BYTES } from './happenings.ts';

const PAGE_WORDS = 64;
/** Epoch of the newest command; every worker's `ACKNOWLEDGED` follows it. */
export const EPOCH = 0;
/** Moves when a descriptor that a worker waits on for the control plane has become readable. */
export const CALLS = 16;

/** Words of a worker's page. */
export const ACKNOWLEDGED = 0;
/** Moves at every turn; stands still in a worker that hangs. */
export const HEARTBEAT = 1;
/** 1 while the worker waits in the kernel: then a wake-up must ring its eventfd. */
export const ASLEEP = 2;
/** Turns that moved at least one frame, modulo 2^32. */
export const TURNS = 3;
/** The worker's thread id (gettid(2)) as this process's /proc has it; 0 where it is not known. */
export const THREAD = 4;
/** The batch that was received and not claimed yet (datapath/takeover.ts): its port's handle plus one, or 0; and its frames. */
export const BATCH_PORT = 5;
export const BATCH_FRAMES = 6;
/**
 * Of a batch that a worker before this one ended in, and whose frames are judged one by one: the port's handle plus one, or 0; how many
 * they are; and how many of them are done with.
 */
export const LEFT_PORT = 7;
export const LEFT_FRAMES = 8;
export const LEFT_DONE = 9;

export const RINGS_PER_PORT_MAX = 2;
/** A cursor is one word: the next slot to read, and above it how many from there on are claimed and not given back to the kernel yet. */
export const CURSOR_SLOT_MASK = 0xffff;
export const CLAIMED_SHIFT = 16;

/** Token buckets per port: one for each class of floods. */
export const STORM_CLASSES = 3;
/** Words of a token bucket: what is left, and when it was filled last (FDB ticks). */
export const STORM_WORDS = 2;
export const STORM_LEFT = 0;
export const STORM_FILLED = 1;
/** Long before the first tick, so that a new bucket is filled at its first use. */
const NEVER_FILLED = -1_000_000;

/** Random bytes per port that its loop probes carry: who sees one port's cannot make up another's. */
export const PROBE_TOKEN_BYTES = 8;

/** Columns of a counter row; drop reasons follow from FIRST_DROP_COUNTER on, in the order of their numbers. */
export const Counter = {
  RX_FRAMES: 0,
  RX_BYTES: 1,
  RX_SUPER_FRAMES: 2,
  FORWARDED: 3,
  FLOODED: 4,
  FLOOD_COPIES: 5,
  DROPPED: 6,
  TX_FRAMES: 7,
  TX_BYTES: 8,
  TX_SUPER_FRAMES: 9,
  TX_SEGMENTS: 10,
  TX_DROPS: 11,
  /** Mirrored copies, at the port that they are for. They are none of the frames above. */
  MIRROR_FRAMES: 12,
  MIRROR_BYTES: 13,
  MIRROR_DROPS: 14,
  /** Copies under way to the port: counted as forwarded or flooded, and neither sent nor dropped yet. None, at rest. */
  UNSENT: 15,
} as const;
export const FIRST_DROP_COUNTER = 16;
/** Whole cache lines. */
export const ROW_COUNTERS = 56;

/** The parts of a board, as they are sent to a worker. */
export interface BoardBuffers {
  words: SharedArrayBuffer;
  cursors: SharedArrayBuffer;
  counters: SharedArrayBuffer;
  storms: SharedArrayBuffer;
  probeTokens: SharedArrayBuffer;
  happenings: SharedArrayBuffer[];
  dropSamples: SharedArrayBuffer[];
  /** Per worker, the columns (frame/batch.ts) of the batch in hand, and behind them those of the batch that was left. */
  batches: SharedArrayBuffer[];
}

export class Board {
  readonly buffers: BoardBuffers;
  readonly words: Int32Array;
  readonly cursors: Int32Array;
  readonly counters: Float64Array;
  readonly storms: Int32Array;
  readonly probeTokens: Uint8Array;

  constructor(buffers: BoardBuffers) {
    this.buffers = buffers;
    this.words = new Int32Array(buffers.words);
    this.cursors = new Int32Array(buffers.cursors);
    this.counters = new Float64Array(buffers.counters);
    this.storms = new Int32Array(buffers.storms);
    this.probeTokens = new Uint8Array(buffers.probeTokens);
  }

  static create(workers: number): Board {
    const board = new Board({
      words: new SharedArrayBuffer((1 + workers) * PAGE_WORDS * 4),
      cursors: new SharedArrayBuffer(workers * PORTS_MAX * RINGS_PER_PORT_MAX * 4),
      counters: new SharedArrayBuffer(workers * PORTS_MAX * ROW_COUNTERS * 8),
      storms: new SharedArrayBuffer(PORTS_MAX * STORM_CLASSES * STORM_WORDS * 4),
      probeTokens: new SharedArrayBuffer(PORTS_MAX * PROBE_TOKEN_BYTES),
      happenings: Array.from({ length: workers }, () => new SharedArrayBuffer(HAPPENINGS_BYTES)),
      dropSamples: Array.from({ length: workers }, () => new SharedArrayBuffer(DROP_SAMPLES_BYTES)),
      batches: Array.from({ length: workers }, () => new SharedArrayBuffer(2 * BATCH_COLUMN_BYTES)),
    });
    for (let at = STORM_FILLED; at < board.storms.length; at += STORM_WORDS) board.storms[at] = NEVER_FILLED;
    for (let handle = 0; handle < PORTS_MAX; handle++) board.renewProbeToken(handle);
    return board;
  }

  /** For a port that is no more: who saw its probes must not speak for the next one with its handle. */
  renewProbeToken(handle: number): void {
    this.probeTokens.set(crypto.getRandomValues(new Uint8Array(PROBE_TOKEN_BYTES)), handle * PROBE_TOKEN_BYTES);
  }

  /** Index of the first word of a worker's page. */
  page(worker: number): number {
    return (1 + worker) * PAGE_WORDS;
  }

  /** Index of a cursor. */
  cursor(worker: number, handle: number, ring = 0): number {
    return (worker * PORTS_MAX + handle) * RINGS_PER_PORT_MAX + ring;
  }

  /**
   * A port is going to be given to the worker: nothing is under way of one that had its handle.
   * @param places where its rings are to be read from, by default from their start
   */
  startRings(worker: number, handle: number, places: readonly { slot: number; claimed: number }[] = []): void {
    for (let ring = 0; ring < RINGS_PER_PORT_MAX; ring++) {
      const { slot, claimed } = places[ring] ?? { slot: 0, claimed: 0 };
      this.cursors[this.cursor(worker, handle, ring)] = slot | (claimed << CLAIMED_SHIFT);
    }
    for (const word of [BATCH_PORT, LEFT_PORT]) {
      Atomics.compareExchange(this.words, this.page(worker) + word, handle + 1, 0);
    }
  }

  /** Index of the first counter of a row. */
  row(worker: number, handle: number): number {
    return (worker * PORTS_MAX + handle) * ROW_COUNTERS;
  }
}
