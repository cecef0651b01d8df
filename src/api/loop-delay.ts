/** How late the main thread's event loop was, since the last reading: what every API answer waits for. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Distance of the histogram's samples; what the timer itself takes is not delay. */
const RESOLUTION_MS = 20;
const NANOSECONDS = 1e9;

/** Seconds. */
export interface Delays {
  p50: number;
  p99: number;
  max: number;
}

export class LoopDelay {
  readonly #histogram: ReturnType<typeof monitorEventLoopDelay>;
  #last: Delays = { p50: 0, p99: 0, max: 0 };

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
  }

  /** Begins anew afterwards; before the first sample it gives what it gave before. */
  read(): Delays {
    const histogram = this.#histogram;
    if (histogram.count > 0) {
      const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000);
      this.#last = {
        p50: seconds(histogram.percentile(50)),
        p99: seconds(histogram.percentile(99)),
        max: seconds(histogram.max),
      };
      histogram.reset();
    }
    return this.#last;
  }

  close(): void {
    this.#histogram.disable();
  }
}
