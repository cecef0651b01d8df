/** Doing something again whenever a file is saved. */
import { watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../errors.ts';

/** Editors write a file in several steps. */
const SETTLE_MS = 100;

/** Until SIGINT or SIGTERM. What fails is printed and waits for the next save; only what fails at first ends it. */
export async function watchFile(file: string, action: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await action();
  let isStale = false;
  let wake = Promise.withResolvers<void>();
  // The folder, not the file: editors put a new file in its place.
  const watcher = watch(dirname(resolve(file)), { signal: stop.signal }, (_, name) => {
    if (name !== basename(file)) return;
    isStale = true;
    wake.resolve();
  });
  watcher.on('error', () => stop.abort());
  stop.signal.addEventListener('abort', () => wake.resolve());
  for (;;) {
    if (!isStale) await wake.promise;
    if (stop.signal.aborted) return;
    wake = Promise.withResolvers();
    await sleep(SETTLE_MS);
    isStale = false;
    try {
      await action();
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      process.stderr.write(`tswitch: ${error.message}\n`);
    }
  }
}
