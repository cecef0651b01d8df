/**
 * How long a worker that found no frame goes on looking before it sleeps. Waking a thread takes the kernel tens of
 * microseconds, more on a virtual machine, so a worker that sleeps pays them for the first frame of every burst; one that
 * looks all the time takes a whole core. So it looks for as long as frames have lately been apart, up to a limit that the
 * user sets, and no longer than a moment where they have been further apart than that. On a quiet network it sleeps.
 */
import { BUSY_POLL_MICROS_DEFAULT } from '../limits.ts';

/** Looked for in any case, up to the limit: long enough for an answer that is on its way, too short to cost anything. */
const MOMENT_MS = 0.03;
/** Frames come no more regularly than this: an expected gap is waited for so many times over. */
const GAPS = 2;
/** Of what was looked for, kept from one frame to the next: a gap that was longer once is expected a few frames on. */
const DECAY = 0.875;

export class BusyPoll {
  #limitMs = BUSY_POLL_MICROS_DEFAULT / 1000;
  #budgetMs = 0;
  #lastFrameMs = 0;

  /** @param micros the longest time to look before sleeping; 0: sleep at once */
  limit(micros: number): void {
    this.#limitMs = micros / 1000;
  }

  /** A turn at `nowMs` found frames. */
  noteFrames(nowMs: number): void {
    const gapMs = nowMs - this.#lastFrameMs;
    this.#lastFrameMs = nowMs;
    const wanted = gapMs > this.#limitMs ? 0 : Math.max(gapMs * GAPS, this.#budgetMs * DECAY);
    this.#budgetMs = Math.min(this.#limitMs, Math.max(MOMENT_MS, wanted));
  }

  /** Whether to sleep, after a turn at `nowMs` that found nothing. */
  isOver(nowMs: number): boolean {
    return nowMs - this.#lastFrameMs >= this.#budgetMs;
  }
}
