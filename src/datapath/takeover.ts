/**
 * What a worker that ends in the middle of a batch leaves to the one that takes over: no frame is counted twice, sent twice, or
 * gone without being counted. A batch goes two steps.
 *
 * While it is judged, it is named on the board, nothing of it is counted, and it is not claimed. If the worker ends here, one of
 * the frames may be the cause. Where the port has kept them, the next worker receives them again, one by one, as suspects; one
 * that ends that worker too is the culprit, and the worker after that drops it. What the port has not kept is dropped.
 *
 * Once it is claimed, its frames are counted as received, and each verdict is counted as it is carried out. If the worker ends
 * here, what the counters say is missing is dropped: see Tally.settle.
 */
import type { Batch } from '../frame/batch.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import type { Board } from '../shared/board.ts';
import { Drop } from '../switching/drop-reasons.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { BATCH_FRAMES, BATCH_PORT, Counter } = boardLayout;

const NO_PORT = -1;
/** In place of a number of frames: one frame, which was a suspect. */
const ONE_SUSPECT = 0;

export class Takeover {
  /** Handle of the port whose next frames are suspects, to be received one by one; -1: there are none. */
  suspected = NO_PORT;
  /** The next of them is the culprit. */
  isCulprit = false;
  readonly #words: Int32Array;
  readonly #page: number;
  readonly #tally: Tally;
  #suspects = 0;

  constructor(board: Board, worker: number, tally: Tally) {
    this.#words = board.words;
    this.#page = board.page(worker);
    this.#tally = tally;
  }

  /** A port is opened: the worker before this one may have ended while it judged a batch of it. */
  open({ handle, keepsUnclaimed }: Port): void {
    if (this.#words[this.#page + BATCH_PORT] !== handle + 1) return;
    const frames = this.#words[this.#page + BATCH_FRAMES]!;
    this.#words[this.#page + BATCH_PORT] = 0;
    if (keepsUnclaimed) {
      this.suspected = handle;
      this.isCulprit = frames === ONE_SUSPECT;
      this.#suspects = Math.max(1, frames);
    } else {
      this.#tally.add(handle, Counter.RX_FRAMES, frames);
      this.#tally.dropAtIngress(handle, Drop.WORKER_FAULT, frames);
    }
  }

  /** It is closed: its frames are gone. */
  close(handle: number): void {
    if (handle === this.suspected) this.acquit();
  }

  /** A batch is going to be judged. */
  judging({ ingress, count }: Batch): void {
    this.#words[this.#page + BATCH_FRAMES] = ingress === this.suspected ? ONE_SUSPECT : count;
    this.#words[this.#page + BATCH_PORT] = ingress + 1;
  }

  /** It has been, and is claimed. */
  claimed(): void {
    this.#words[this.#page + BATCH_PORT] = 0;
  }

  /** One of the suspects is done with. */
  settled(): void {
    this.isCulprit = false;
    if (--this.#suspects === 0) this.acquit();
  }

  /** There are no suspects any more. */
  acquit(): void {
    this.suspected = NO_PORT;
  }
}
