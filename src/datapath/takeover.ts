/**
 * What a worker that ends in the middle of a batch leaves to the one that takes over: no frame is counted twice, sent twice, or
 * gone without being counted. A batch goes two steps.
 *
 * While it is judged, the board says what it holds, and nothing of it is counted. If the worker ends here, one of the frames may be
 * the cause, and all of them are suspects: the next worker judges them one by one. One that ends that worker too is the culprit, and
 * the worker after that drops it. Their bytes stay meanwhile, as the port has not released them.
 *
 * From then on its frames are counted as received, and each verdict is counted as it is carried out. If the worker ends here, what the
 * counters say is missing is dropped: see Tally.settle.
 */
import { Batch, BATCH_COLUMN_BYTES } from '../frame/batch.ts';
import * as boardLayout from '../shared/board.ts';
import type { Board } from '../shared/board.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { BATCH_FRAMES, BATCH_PORT, LEFT_DONE, LEFT_FRAMES, LEFT_PORT } = boardLayout;

const NO_PORT = -1;
/** In place of a number of frames: one frame, which was a suspect. */
const ONE_SUSPECT = 0;

export class Takeover {
  /** The next suspect is the culprit. */
  isCulprit = false;
  /** Handle of the port whose frames are suspects; -1: there are none. */
  #suspected = NO_PORT;
  readonly #words: Int32Array;
  readonly #page: number;
  readonly #columns: Uint8Array;
  /** The suspects. */
  readonly #left: Batch;

  /** @param bytes that the frames lie in */
  constructor(board: Board, worker: number, bytes: Uint8Array) {
    const columns = board.buffers.batches[worker]!;
    this.#words = board.words;
    this.#page = board.page(worker);
    this.#columns = new Uint8Array(columns);
    this.#left = new Batch(bytes, columns, BATCH_COLUMN_BYTES);
  }

  /** Handle of the port whose frames are suspects, to be judged before any other is received; -1: there are none. */
  get suspected(): number {
    return this.#suspected;
  }

  /**
   * A port is opened: the worker before this one may have ended while it judged a batch of it.
   * @returns whether the port has to keep the bytes of that
   */
  open(handle: number): boolean {
    if (this.#get(BATCH_PORT) === handle + 1) {
      const frames = this.#get(BATCH_FRAMES);
      if (frames === ONE_SUSPECT) this.isCulprit = true;
      else this.#leave(handle, frames);
      this.#set(BATCH_PORT, 0);
    }
    if (this.#get(LEFT_PORT) !== handle + 1) return false;
    this.#suspected = handle;
    return true;
  }

  /** It is closed: its frames are gone. */
  close(handle: number): void {
    if (handle === this.#suspected) this.#acquit();
  }

  /** Puts the next suspect into the batch, alone. */
  next(batch: Batch): void {
    const left = this.#left;
    const k = this.#get(LEFT_DONE);
    batch.ingress = this.#suspected;
    batch.count = 1;
    batch.offset[0] = left.offset[k]!;
    batch.length[0] = left.length[k]!;
    batch.tpid[0] = left.tpid[k]!;
    batch.tci[0] = left.tci[k]!;
  }

  /** A batch is going to be judged. */
  judging({ ingress, count }: Batch): void {
    this.#words[this.#page + BATCH_FRAMES] = this.#suspected === NO_PORT ? count : ONE_SUSPECT;
    this.#words[this.#page + BATCH_PORT] = ingress + 1;
  }

  /** It has been, and is counted as received: nobody judges it again. */
  judged(): void {
    if (this.#suspected !== NO_PORT) this.#set(LEFT_DONE, this.#get(LEFT_DONE) + 1);
    this.#words[this.#page + BATCH_PORT] = 0;
  }

  /** One of the suspects is done with. @returns whether it was the last one */
  settled(): boolean {
    this.isCulprit = false;
    if (this.#get(LEFT_DONE) < this.#get(LEFT_FRAMES)) return false;
    this.#acquit();
    return true;
  }

  #leave(handle: number, frames: number): void {
    this.#columns.copyWithin(BATCH_COLUMN_BYTES, 0, BATCH_COLUMN_BYTES);
    this.#set(LEFT_FRAMES, frames);
    this.#set(LEFT_DONE, 0);
    this.#set(LEFT_PORT, handle + 1);
  }

  #acquit(): void {
    this.#suspected = NO_PORT;
    this.#set(LEFT_PORT, 0);
  }

  #get(word: number): number {
    return this.#words[this.#page + word]!;
  }

  #set(word: number, value: number): void {
    this.#words[this.#page + word] = value;
  }
}
