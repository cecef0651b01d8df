/** Time and chance as a logic sees them: told to it and seeded, so that what it does can be done again. */

export class LogicClock {
  readonly #ms = new Float64Array(1);

  /** Milliseconds since the switch began, with fractions; the same for all frames of a batch. */
  get ms(): number {
    return this.#ms[0]!;
  }

  set ms(ms: number) {
    this.#ms[0] = ms;
  }
}

/** Marsaglia's xorshift with 32 bits of state (Journal of Statistical Software 8, 14). Not for secrets. */
export class LogicRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** A whole number from 0 to 2^31 - 1. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x & 0x7fffffff;
  }

  /** True once in `n` times, on average. */
  oneIn(n: number): boolean {
    return this.next() % n === 0;
  }
}
