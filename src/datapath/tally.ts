/** A worker's own counter rows on the board: added to in place, so that what is counted is seen at once. */
import * as limits from '../limits.ts';
import * as boardLayout from '../shared/board.ts';
import type { Board } from '../shared/board.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import type { DropReason } from '../switching/drop-reasons.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { PORTS_MAX } = limits;
const { Counter, FIRST_DROP_COUNTER, ROW_COUNTERS } = boardLayout;
const { Drop } = dropReasons;

export class Tally {
  readonly #counters: Float64Array;

  constructor(board: Board, worker: number) {
    const first = board.row(worker, 0);
    this.#counters = board.counters.subarray(first, first + PORTS_MAX * ROW_COUNTERS);
  }

  add(handle: number, counter: number, amount: number): void {
    const at = handle * ROW_COUNTERS + counter;
    this.#counters[at] = this.#counters[at]! + amount;
  }

  /** Frames that came in by the port are dropped. */
  dropAtIngress(handle: number, reason: number, frames: number): void {
    this.add(handle, FIRST_DROP_COUNTER + reason, frames);
    this.add(handle, Counter.DROPPED, frames);
  }

  /** Copies that were to leave by the port are dropped. */
  dropAtEgress(handle: number, reason: DropReason, copies: number): void {
    this.add(handle, FIRST_DROP_COUNTER + reason, copies);
    this.add(handle, Counter.TX_DROPS, copies);
    this.add(handle, Counter.UNSENT, -copies);
  }

  /**
   * Drops what a worker before this one was in the middle of when it ended: frames that it had claimed and whose verdicts it had
   * not carried out, where they came in; copies that it had not sent, where they were to leave. Between two batches there are
   * none of either in any row.
   */
  settle(): void {
    for (let handle = 0; handle < PORTS_MAX; handle++) {
      const settled =
        this.#value(handle, Counter.FORWARDED) +
        this.#value(handle, Counter.FLOODED) +
        this.#value(handle, Counter.DROPPED);
      const frames = this.#value(handle, Counter.RX_FRAMES) - settled;
      const copies = this.#value(handle, Counter.UNSENT);
      if (frames > 0) this.dropAtIngress(handle, Drop.WORKER_FAULT, frames);
      if (copies > 0) this.dropAtEgress(handle, Drop.WORKER_FAULT, copies);
    }
  }

  #value(handle: number, counter: number): number {
    return this.#counters[handle * ROW_COUNTERS + counter]!;
  }
}
