/**
 * The copies of logics' files that the workers run: what was checked is what runs, also in a worker that starts later, and a
 * file may be edited while its last version works. They lie in a folder that only the daemon's user can open.
 */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, isAbsolute, join } from 'node:path';
import { TswitchError } from '../errors.ts';

const FILE_BYTES_MAX = 1024 * 1024;
const ENDINGS: Readonly<Record<string, string>> = { '.ts': '.mts', '.mts': '.mts', '.js': '.mjs', '.mjs': '.mjs' };

export class Staging {
  #folder: Promise<string> | null = null;

  /** @returns path of the copy. @throws TswitchError BAD_REQUEST, LOGIC_REFUSED */
  async copy(file: string, id: number): Promise<string> {
    const ending = ENDINGS[extname(file)];
    if (!isAbsolute(file) || file.includes('\0')) {
      throw new TswitchError('BAD_REQUEST', 'file: must be an absolute path, as the daemon sees it');
    }
    if (ending === undefined) {
      throw new TswitchError('BAD_REQUEST', `file: must end in ${Object.keys(ENDINGS).join(', ')}`);
    }
    const source = await read(file);
    this.#folder ??= mkdtemp(join(tmpdir(), 'tswitch-logic-'));
    const copy = join(await this.#folder, `${id}${ending}`);
    await writeFile(copy, source, { mode: 0o600 });
    return copy;
  }

  async remove(copy: string): Promise<void> {
    await rm(copy, { force: true });
  }

  async close(): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true });
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    // Without waiting for whoever writes into it, should it be a pipe.
    const handle = await open(file, 'r');
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
