/**
 * Tells a worker whether anybody else has changed the FDB since it looked last: given and removed entries, flushes, settings, what
 * other workers learned.
 */
import type { Fdb } from './fdb.ts';
import { CHANGES, FdbMemory, LOCK } from './fdb-layout.ts';

export class FdbWatch {
  readonly words: Int32Array;
  readonly #fdb: Fdb;
  readonly #header: Int32Array;
  #foreign = 0;
  #givenUp = 0;

  /** @param fdb by which the worker makes all its changes */
  constructor(fdb: Fdb) {
    this.words = new Int32Array(fdb.buffer);
    this.#fdb = fdb;
    this.#header = new FdbMemory(fdb.buffer).header;
    this.settle();
  }

  /** What there is by now is known. @returns false where somebody is just changing it */
  settle(): boolean {
    this.#foreign = this.#foreignChanges();
    this.#givenUp = this.#fdb.givenUp;
    // Behind the other: what was announced by then has been done if nobody has the lock any more.
    return Atomics.load(this.#header, LOCK) === 0;
  }

  /** Others have changed it, are about to, or kept the worker from a change of its own: they may have held the lock for nothing. */
  get isTouched(): boolean {
    if (Atomics.load(this.#header, LOCK) !== 0 || this.#foreignChanges() !== this.#foreign) return true;
    return this.#fdb.givenUp !== this.#givenUp;
  }

  #foreignChanges(): number {
    return (Atomics.load(this.#header, CHANGES) - this.#fdb.ownChanges) | 0;
  }
}
