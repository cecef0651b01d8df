/**
 * Limits what is flooded, by ingress port and class: a token bucket each, shared by all workers, so that a limit holds
 * however the kernel spreads a storm over them. Tokens are tenths of a frame, as many come in a tick as the limit says frames
 * per second; a bucket holds what comes in a second, and at least BURST_FRAMES: a short burst is no storm.
 */
import type { Batch } from '../frame/batch.ts';
import { DESTINATION, GROUP_BIT, SOURCE } from '../frame/ethernet.ts';
import { PORTS_MAX } from '../limits.ts';
import { type Board, STORM_CLASSES, STORM_FILLED as FILLED, STORM_LEFT as LEFT, STORM_WORDS } from '../shared/board.ts';
import type { Happenings } from '../shared/happenings.ts';
import { Drop } from '../switching/drop-reasons.ts';
import { keyHigh, keyLow } from '../switching/fdb.ts';
import {
  FLOOD_BROADCAST,
  FLOOD_CLASSES,
  FLOOD_MULTICAST,
  FLOOD_UNKNOWN,
  type PortTable,
} from '../switching/port-table.ts';

const TOKENS_PER_FRAME = 10;
const BURST_FRAMES = 32;
/** Beyond these the bucket is full whatever the limit, and the product stays an integer of 32 bits. */
const TICKS_MAX = 100;

export const STORM_REASONS: number[] = [];
STORM_REASONS[FLOOD_UNKNOWN] = Drop.STORM_UNKNOWN;
STORM_REASONS[FLOOD_MULTICAST] = Drop.STORM_MULTICAST;
STORM_REASONS[FLOOD_BROADCAST] = Drop.STORM_BROADCAST;

export function floodClass(bytes: Uint8Array, frame: number): number {
  if ((bytes[frame + DESTINATION]! & GROUP_BIT) === 0) return FLOOD_UNKNOWN;
  for (let k = 0; k < 6; k++) if (bytes[frame + DESTINATION + k] !== 0xff) return FLOOD_MULTICAST;
  return FLOOD_BROADCAST;
}

export class StormLimiter {
  readonly #buckets: Int32Array;
  readonly #table: PortTable;
  readonly #happenings: Happenings;
  /** When this worker told of a storm last, by port and class. */
  readonly #told = new Int32Array(FLOOD_CLASSES * PORTS_MAX).fill(-1);

  constructor(board: Board, table: PortTable, happenings: Happenings) {
    this.#buckets = board.storms;
    this.#table = table;
    this.#happenings = happenings;
  }

  /** Whether a frame of the class may be flooded now; takes its token if so. @param now FDB ticks */
  allows(batch: Batch, i: number, floodOf: number, now: number): boolean {
    const at = batch.ingress * FLOOD_CLASSES + floodOf;
    const limit = this.#table.floodLimit[at]!;
    if (limit === 0) return true;
    const buckets = this.#buckets;
    const bucket = (batch.ingress * STORM_CLASSES + floodOf) * STORM_WORDS;
    const filled = Atomics.load(buckets, bucket + FILLED);
    const elapsed = (now - filled) | 0;
    // Never backwards: another worker may be a tick ahead, and two that set each other's clock would fill it with every frame.
    if (elapsed > 0 && Atomics.compareExchange(buckets, bucket + FILLED, filled, now) === filled) {
      const ticks = Math.min(elapsed, TICKS_MAX);
      const full = Math.max(limit, BURST_FRAMES) * TOKENS_PER_FRAME;
      const left = Math.max(0, Atomics.load(buckets, bucket + LEFT));
      Atomics.store(buckets, bucket + LEFT, Math.min(full, left + ticks * limit));
    }
    if (Atomics.sub(buckets, bucket + LEFT, TOKENS_PER_FRAME) >= TOKENS_PER_FRAME) return true;
    Atomics.add(buckets, bucket + LEFT, TOKENS_PER_FRAME);
    if (this.#told[at] !== now) {
      this.#told[at] = now;
      const source = batch.offset[i]! + SOURCE;
      const high = keyHigh(batch.bytes, source, batch.vlan[i]!);
      this.#happenings.noteStorm(batch.ingress, floodOf, high, keyLow(batch.bytes, source), now);
    }
    return false;
  }
}
