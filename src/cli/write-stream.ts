/** Writes what a capture or a recording gives, as it comes, until it ends. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { pipeline } from 'node:stream/promises';
import type { Client } from './client.ts';
import { CliError, RefusedError } from './errors.ts';

const FILE_MODE = 0o600;
/** Where processors are short, frames are missed rather than forwarded late: that is the promise, also of this end. */
const LOWEST_PRIORITY = 19;

/**
 * The first signal stops it, the second does not wait for what there is until then.
 * @param path of the thing: its stream is below it, and to delete it ends it
 * @param write a file, or `-` for standard output
 */
export async function writeStream(client: Client, path: string, write: string): Promise<void> {
  const file = write === '-' ? null : await create(write);
  setPriority(LOWEST_PRIORITY);
  try {
    await copy(client, path, file);
  } finally {
    await file?.close();
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', FILE_MODE);
  } catch (error) {
    throw new CliError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function copy(client: Client, path: string, file: FileHandle | null): Promise<void> {
  const giveUp = new AbortController();
  let signals = 0;
  const onSignal = (): void => {
    if (++signals > 1) return giveUp.abort();
    // It may have ended by itself just now.
    void client.send('DELETE', path).catch(() => {});
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  try {
    const bytes = client.chunks(`${path}/stream`, giveUp.signal);
    if (file) for await (const chunk of bytes) await file.write(chunk);
    else await pipeline(bytes, process.stdout, { end: false });
  } catch (error) {
    // Who read it has seen enough, as `head` has.
    if (!isBrokenPipe(error)) throw error;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && !(error instanceof RefusedError) && 'code' in error && error.code === 'EPIPE';
}
