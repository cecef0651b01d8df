/**
 * A capture file of bounded size: when it is full it becomes FILE.1, in place of the one before, and a new one begins; so at
 * most two are there. What lies there from an earlier run becomes FILE.1 as well. Only what is a capture is ever moved away,
 * and nothing is written through a symbolic link.
 */
import { closeSync, constants, lstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import type { FileProblem } from '../shared/capture-messages.ts';

const MODE = 0o600;
/** A section header block, with which every pcapng file begins, reads the same in both byte orders. */
const MAGIC = [0x0a, 0x0d, 0x0d, 0x0a];

export class CaptureFile {
  readonly #path: string;
  #fd: number;
  #size = 0;

  /** @throws FileRefused, or what the system says */
  constructor(path: string) {
    this.#path = path;
    this.#fd = create(path);
  }

  get size(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    this.#size += bytes.length;
  }

  /** The next byte goes into a new file. */
  rotate(): void {
    closeSync(this.#fd);
    this.#fd = -1;
    this.#fd = create(this.#path);
    this.#size = 0;
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

class FileRefused extends Error {
  override readonly name = 'FileRefused';
}

export function fileProblem(error: unknown): FileProblem {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
  return { code: error instanceof FileRefused ? null : (code ?? 'EIO'), message };
}

function create(path: string): number {
  moveAway(path);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
}

function moveAway(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isFile() || (stat.size > 0 && !isCapture(path))) {
    throw new FileRefused(`${path} is there already and is no pcapng file`);
  }
  const older = lstatSync(`${path}.1`, { throwIfNoEntry: false });
  if (older && (!older.isFile() || (older.size > 0 && !isCapture(`${path}.1`)))) {
    throw new FileRefused(`${path}.1 is there already and is no pcapng file`);
  }
  renameSync(path, `${path}.1`);
}

function isCapture(path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const begin = new Uint8Array(MAGIC.length);
    return readSync(fd, begin) === MAGIC.length && MAGIC.every((byte, at) => begin[at] === byte);
  } finally {
    closeSync(fd);
  }
}
