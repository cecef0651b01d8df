/** A worker's own counter rows on the board: added to in place, so that what is counted is seen at once. */
import * as limits from '../limits.ts';
import * as boardLayout from '../shared/board.ts';
import type { Board } from '../shared/board.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { PORTS_MAX } = limits;
const { ROW_COUNTERS } = boardLayout;

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
