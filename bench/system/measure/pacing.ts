/**
 * How frames of a given rate are spread over time: in bursts, as sendmmsg is paid once for each, but in short ones, as a burst
 * fills queues that the same rate would not. An interface that coalesces its work offers frames to a switch in the same way.
 */

export const BURST_FRAMES_MAX = 32;
const INTERVAL_MS = 0.05;
/** Behind its plan by more, the generator was kept from running; it goes on from there, and the lost time is not made up. */
export const LATE_MS_MAX = 0.5;

export interface Pace {
  /** Frames sent at once. */
  readonly burst: number;
  /** From the begin of one burst to that of the next. */
  readonly intervalMs: number;
}

/** @param framesPerSecond above 0; up to BURST_FRAMES_MAX frames in 50 µs (640,000 in a second) bursts lie 50 µs apart */
export function paceOf(framesPerSecond: number): Pace {
  const wanted = Math.round((framesPerSecond * INTERVAL_MS) / 1000);
  const burst = Math.min(BURST_FRAMES_MAX, Math.max(1, wanted));
  return { burst, intervalMs: (burst / framesPerSecond) * 1000 };
}

/** The moments at which bursts are due. */
export class Schedule {
  readonly pace: Pace;
  #dueMs: number;
  /** Time that was lost because the generator was kept from running. */
  lostMs = 0;

  constructor(pace: Pace, startMs: number) {
    this.pace = pace;
    this.#dueMs = startMs;
  }

  /** Whether the next burst is due; if so, the one after it is planned. */
  take(nowMs: number): boolean {
    const lateMs = nowMs - this.#dueMs;
    if (lateMs < 0) return false;
    if (lateMs > LATE_MS_MAX) {
      this.lostMs += lateMs;
      this.#dueMs = nowMs;
    }
    this.#dueMs += this.pace.intervalMs;
    return true;
  }
}
