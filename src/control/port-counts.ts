/** What ports counted, those that are no more included, so that the totals stay true. */
import type { Board } from '../shared/board.ts';
import { addRow, clearRows, noteOverflow, readRow } from './counters.ts';
import { overflowed, type PortRecord } from './port-record.ts';

export class PortCounts {
  readonly #board: Board;
  readonly #workers: number;
  readonly #retired: Float64Array;

  constructor(board: Board, workers: number) {
    this.#board = board;
    this.#workers = workers;
    this.#retired = new Float64Array(readRow(board, workers, 0).length);
  }

  /** What the port counted, summed over the workers; a copy. */
  row(record: PortRecord): Float64Array {
    const row = readRow(this.#board, this.#workers, record.handle);
    noteOverflow(row, overflowed(record));
    return row;
  }

  /** What ports that are no more counted; a copy. */
  retired(): Float64Array {
    return Float64Array.from(this.#retired);
  }

  /** The port goes: its counts are kept, and its place is free for another. */
  retire(record: PortRecord): void {
    addRow(this.#retired, this.row(record));
    clearRows(this.#board, this.#workers, record.handle);
  }
}
