/** A worker's own counter rows on the board: added to in place, so that what is counted is seen at once. */
import { PORTS_MAX } from '../limits.ts';
import { type Board, ROW_COUNTERS } from '../shared/board.ts';

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
}
