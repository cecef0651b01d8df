/**
 * The copies of logics' files that the workers run: what was checked is what runs, also in a worker that starts later, and a
 * file may be edited while its last version works. They lie in a folder that only the daemon's user can open, until it ends.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { extname, isAbsolute, join } from 'node:path';
import { TswitchError } from '../errors.ts';
import { LOGIC_FILE_ENDINGS } from './model.ts';
import { makeOwnFolder } from './own-folder.ts';

const FILE_BYTES_MAX = 1024 * 1024;

export interface Staged {
  /** Path of the copy. */
  module: string;
  /** Of its content, in hex. */
  sha256: string;
}

export class Staging {
  #folder: Promise<string> | null = null;
  /** By file and digest: a version that was loaded before can be loaded again when the file is another one by then. */
  readonly #copies = new Map<string, string>();

  /**
   * @param sha256 what the file must be; undefined: whatever it is
   * @throws TswitchError BAD_REQUEST, LOGIC_REFUSED
   */
  async copy(file: string, id: number, sha256?: string): Promise<Staged> {
    const ending = extname(file);
    if (!isAbsolute(file) || file.includes('\0')) {
      throw new TswitchError('BAD_REQUEST', 'file: must be an absolute path, as the daemon sees it');
    }
    if (!LOGIC_FILE_ENDINGS.some((each) => each === ending)) {
      throw new TswitchError('BAD_REQUEST', `file: must end in ${LOGIC_FILE_ENDINGS.join(', ')}`);
    }
    const source = await this.#read(file, sha256);
    this.#folder ??= makeOwnFolder('logic');
    // Whatever package.json is around it, it is a module.
    const module = join(await this.#folder, `${id}${ending.endsWith('ts') ? '.mts' : '.mjs'}`);
    await writeFile(module, source, { mode: 0o600 });
    const staged = { module, sha256: digestOf(source) };
    this.#copies.set(keyOf(file, staged.sha256), module);
    return staged;
  }

  /** @param staged that nobody runs */
  async remove(file: string, { module, sha256 }: Staged): Promise<void> {
    if (this.#copies.get(keyOf(file, sha256)) === module) this.#copies.delete(keyOf(file, sha256));
    await rm(module, { force: true });
  }

  async close(): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true });
  }

  async #read(file: string, sha256: string | undefined): Promise<Buffer> {
    const known = sha256 === undefined ? undefined : this.#copies.get(keyOf(file, sha256));
    if (known !== undefined) return readFile(known);
    const source = await read(file);
    if (sha256 === undefined || digestOf(source) === sha256) return source;
    throw new TswitchError(
      'LOGIC_REFUSED',
      `${file} has been changed since it was loaded (its SHA-256 is ${digestOf(source)}, not ${sha256}): load it anew, or put the earlier file back`,
    );
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    // Without waiting for whoever writes into it, should it be a pipe.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new TswitchError('LOGIC_REFUSED', `${file} is no regular file`);
      if (stat.size > FILE_BYTES_MAX) {
        throw new TswitchError('LOGIC_REFUSED', `${file} is longer than ${FILE_BYTES_MAX} bytes`);
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TswitchError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TswitchError('LOGIC_REFUSED', `the daemon cannot read ${file}: ${reason}`);
  }
}

function digestOf(source: Buffer): string {
  return createHash('sha256').update(source).digest('hex');
}

function keyOf(file: string, sha256: string): string {
  return `${sha256} ${file}`;
}
