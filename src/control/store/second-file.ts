/**
 * The second file: the same generation as the database's newest, as plain text with its digest in the first line. It takes its
 * new content by a rename, so it is whole at every moment, and a copy of it is a back-up.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { damaged, type Found, NOTHING, type Sealed, unseal } from './kept.ts';
import type { Migration } from './migrations.ts';

const FILE_MODE = 0o600;
const HEAD = /^tswitch state, schema ([0-9]{1,9}), sha256 ([0-9a-f]{64})$/;

export class SecondFile {
  readonly path: string;
  readonly #new: string;

  constructor(path: string) {
    this.path = path;
    this.#new = `${path}.new`;
  }

  read(migrations: readonly Migration[]): Found {
    let content: string;
    try {
      content = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NOTHING;
      throw error;
    }
    const end = content.indexOf('\n');
    const [, schema, sha256] = HEAD.exec(content.slice(0, end)) ?? [];
    if (schema === undefined || sha256 === undefined)
      return damaged('its first line is not that of a state of tswitch');
    if (!content.endsWith('\n')) return damaged('its end is missing');
    return unseal({ schema: Number(schema), sha256, text: content.slice(end + 1, -1) }, migrations);
  }

  /** Writes the new content beside the file, as far as the disk. */
  prepare({ schema, sha256, text }: Sealed): void {
    const file = openSync(this.#new, 'w', FILE_MODE);
    try {
      writeFileSync(file, `tswitch state, schema ${schema}, sha256 ${sha256}\n${text}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Gives it the file's name. */
  publish(): void {
    renameSync(this.#new, this.path);
  }

  discard(): void {
    rmSync(this.#new, { force: true });
  }
}
