/** Waiting for something that gives no sign. */
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 20;
const TIMEOUT_MS = 10_000;

/** @throws Error naming what was waited for, after ten seconds */
export async function until(what: string, signal: AbortSignal, isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(INTERVAL_MS, undefined, { signal });
  }
}
