/** Which generation the wish is, and that it is kept before anybody is told of it. Where nothing is kept, it only counts. */
import type { Log } from '../log.ts';
import { textOf } from './refusals.ts';
import { type ConfigView, digestOf, type Pending, type Wish } from './wish.ts';

/** Keeps what is wished beyond the daemon's end. */
export interface Keeper {
  /** Before anything of a change is done. @throws TswitchError STATE_FULL where the change could probably not be kept */
  assertRoom(): void;
  /** On the disk when it returns. @throws TswitchError STATE_FULL, STATE_FAILED: then what was kept before still is */
  save(state: ConfigView): void;
}

export interface KeepingOptions {
  /** Null: nothing is kept. */
  keeper: Keeper | null;
  /** What is wished now. */
  wish: () => Wish;
  log: Log;
}

export class Keeping {
  readonly #options: KeepingOptions;
  #generation = 0;
  #kept: Wish | null = null;

  constructor(options: KeepingOptions) {
    this.#options = options;
  }

  get generation(): number {
    return this.#generation;
  }

  /** What was kept last; null: nothing was. */
  get kept(): Wish | null {
    return this.#kept;
  }

  /**
   * Goes on with an earlier life's generation, or the next one where something else is wished now than is kept.
   *
   * @throws TswitchError STATE_FULL, STATE_FAILED
   */
  begin(generation: number, kept: Wish | null, pending: Pending | null): void {
    this.#generation = generation;
    this.#kept = kept;
    if (this.#options.keeper && this.#isOther()) this.save(pending);
  }

  /** @throws TswitchError STATE_FULL */
  assertRoom(): void {
    this.#options.keeper?.assertRoom();
  }

  /** Counts a change that was made, and keeps it. @throws TswitchError STATE_FULL, STATE_FAILED: then it is not counted */
  save(pending: Pending | null): void {
    const { keeper } = this.#options;
    const generation = this.#generation + 1;
    if (keeper) {
      const wish = this.#options.wish();
      keeper.save({ wish, generation, pending });
      this.#kept = wish;
    }
    this.#generation = generation;
  }

  /** After a change that failed: where something of it is left nevertheless, that is what is wished now. */
  saveWhatIs(pending: Pending | null): void {
    if (this.#options.keeper && this.#isOther()) this.saveInAnyCase(pending);
  }

  /** Of a change that nobody waits for: where it cannot be kept, it counts all the same, and the log says so. */
  saveInAnyCase(pending: Pending | null): void {
    try {
      this.save(pending);
    } catch (error) {
      this.#generation++;
      this.#options.log.error('configuration cannot be kept', { reason: textOf(error) });
    }
  }

  #isOther(): boolean {
    return this.#kept === null || digestOf(this.#options.wish()) !== digestOf(this.#kept);
  }
}
