/**
 * Tells a worker whether anybody else has changed the FDB since it looked last: given and removed entries, flushes, settings, what
 * other workers learned. What has aged is collected without such a change if there was none to collect; that is told apart.
 */
import type { Fdb } from './fdb.ts';
import { AGEING, CHANGES, FdbMemory, HOLD, LIMIT, LOCK, MOVE_LIMIT, SWEPT } from './fdb-layout.ts';

const SETTINGS = [LIMIT, AGEING, MOVE_LIMIT, HOLD];

export class FdbWatch {
  readonly words: Int32Array;
  readonly #fdb: Fdb;
  readonly #memory: FdbMemory;
  readonly #settings = new Int32Array(SETTINGS.length);
  readonly #limits: Int32Array;
  #foreign = 0;
  #givenUp = 0;
  #swept = 0;

  /** @param fdb by which the worker makes all its changes */
  constructor(fdb: Fdb) {
    this.words = new Int32Array(fdb.buffer);
    this.#fdb = fdb;
    this.#memory = new FdbMemory(fdb.buffer);
    this.#limits = new Int32Array(this.#memory.limits.length);
    this.settle();
  }

  /** What there is by now is known. @returns false where somebody is just changing it */
  settle(): boolean {
    const { header, limits } = this.#memory;
    this.#foreign = this.#foreignChanges();
    this.#givenUp = this.#fdb.givenUp;
    this.#swept = header[SWEPT]!;
    SETTINGS.forEach((word, k) => (this.#settings[k] = header[word]!));
    this.#limits.set(limits);
    return Atomics.load(header, LOCK) === 0;
  }

  /** Others have changed it, are about to, or kept the worker from a change of its own: they may have held the lock for nothing. */
  get isTouched(): boolean {
    const { header } = this.#memory;
    if (Atomics.load(header, LOCK) !== 0 || this.#foreignChanges() !== this.#foreign) return true;
    if (this.#fdb.givenUp !== this.#givenUp) return true;
    for (let k = 0; k < SETTINGS.length; k++) if (header[SETTINGS[k]!] !== this.#settings[k]) return true;
    return false;
  }

  /** The same, the ports' limits included, which change with the configuration of ports only. */
  get isTouchedAtAll(): boolean {
    const { limits } = this.#memory;
    return this.isTouched || limits.some((limit, handle) => limit !== this.#limits[handle]);
  }

  /** When aged entries were collected since, in FDB ticks; null: they were not. */
  get swept(): number | null {
    const swept = this.#memory.header[SWEPT]!;
    return swept === this.#swept ? null : swept;
  }

  #foreignChanges(): number {
    return (Atomics.load(this.#memory.header, CHANGES) - this.#fdb.ownChanges) | 0;
  }
}
