/** Reads what the workers tell (shared/happenings.ts) as it comes, without a timer while nothing does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Happening, Happenings } from '../shared/happenings.ts';

/** Between two readings, so that a flood of happenings costs the main thread little. */
const PAUSE_MS = 20;
/** What was left out is told this long after the first of it, as one number: it must not crowd out other events. */
const SUPPRESSED_MS = 1000;

export interface HappeningsListener {
  /** The object is used again: copy what is kept. */
  onHappening(happening: Happening): void;
  /** FDB records that all workers left out, since the last call; at most once a second. */
  onSuppressed(count: number): void;
}

export class HappeningsReader {
  readonly #rings: Happenings[];
  readonly #ends: Promise<void>[];
  readonly #listener: HappeningsListener;
  #isClosed = false;
  #suppressed = 0;
  #telling: NodeJS.Timeout | null = null;

  constructor(buffers: SharedArrayBuffer[], listener: HappeningsListener) {
    this.#rings = buffers.map((buffer) => new Happenings(buffer));
    this.#listener = listener;
    this.#ends = this.#rings.map((ring) => this.#read(ring));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#telling) clearTimeout(this.#telling);
    for (const ring of this.#rings) ring.interrupt();
    await Promise.all(this.#ends);
  }

  async #read(ring: Happenings): Promise<void> {
    let suppressedBefore = 0;
    while (!this.#isClosed) {
      await ring.wait();
      const suppressed = ring.drain((happening) => this.#listener.onHappening(happening));
      if (suppressed !== suppressedBefore) this.#noteSuppressed((suppressed - suppressedBefore) | 0);
      suppressedBefore = suppressed;
      await sleep(PAUSE_MS, undefined, { ref: false });
    }
  }

  #noteSuppressed(count: number): void {
    this.#suppressed += count;
    if (this.#isClosed) return;
    this.#telling ??= setTimeout(() => {
      this.#listener.onSuppressed(this.#suppressed);
      this.#suppressed = 0;
      this.#telling = null;
    }, SUPPRESSED_MS).unref();
  }
}
