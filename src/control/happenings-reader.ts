/** Reads what the workers tell (shared/happenings.ts) as it comes, without a timer while nothing does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Happening, Happenings } from '../shared/happenings.ts';

/** Between two readings, so that a flood of happenings costs the main thread little. */
const PAUSE_MS = 20;

export interface HappeningsListener {
  /** The object is used again: copy what is kept. */
  onHappening(happening: Happening): void;
  /** FDB records that workers left out, since the last call. */
  onSuppressed(count: number): void;
}

export class HappeningsReader {
  readonly #rings: Happenings[];
  readonly #ends: Promise<void>[];
  #isClosed = false;

  constructor(buffers: SharedArrayBuffer[], listener: HappeningsListener) {
    this.#rings = buffers.map((buffer) => new Happenings(buffer));
    this.#ends = this.#rings.map((ring) => this.#read(ring, listener));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ring of this.#rings) ring.interrupt();
    await Promise.all(this.#ends);
  }

  async #read(ring: Happenings, listener: HappeningsListener): Promise<void> {
    let suppressedBefore = 0;
    while (!this.#isClosed) {
      await ring.wait();
      const suppressed = ring.drain((happening) => listener.onHappening(happening));
      if (suppressed !== suppressedBefore) listener.onSuppressed((suppressed - suppressedBefore) | 0);
      suppressedBefore = suppressed;
      await sleep(PAUSE_MS, undefined, { ref: false });
    }
  }
}
