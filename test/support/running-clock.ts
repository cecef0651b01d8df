/** A clock that goes on only while its process runs, so that what stands still with the whole machine is not taken for late. */

/** More than this between two ticks is a standstill of the process, and counts as so much. */
const STEP_MS_MAX = 50;

export class RunningClock {
  /** Ms that the process has run, by the last tick. */
  nowMs = 0;
  #tickMs = performance.now();

  /** To be called every few milliseconds. @returns nowMs */
  tick(): number {
    const ms = performance.now();
    this.nowMs += Math.min(ms - this.#tickMs, STEP_MS_MAX);
    this.#tickMs = ms;
    return this.nowMs;
  }
}
