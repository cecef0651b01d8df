/**
 * A document as plain text with its digest in the first line. The file takes its new content by a rename, so it is whole at every
 * moment, and a copy of it is a back-up.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const FILE_MODE = 0o600;
const HEAD = /^tswitch ([a-z]+), schema ([0-9]{1,9}), sha256 ([0-9a-f]{64})$/;

/** A document as it is written. */
export interface Sealed {
  /** Version of the text's format, from 1. */
  schema: number;
  /** Of schema and text, in hex. */
  sha256: string;
  text: string;
}

export function sealText(schema: number, text: string): Sealed {
  return { schema, sha256: digestOf(schema, text), text };
}

/** Whether the text is what was written. */
export function isWhole({ schema, sha256, text }: Sealed): boolean {
  return digestOf(schema, text) === sha256;
}

export class SealedFile {
  readonly path: string;
  readonly #what: string;
  readonly #new: string;

  /** @param what the document is, in one word: it stands in the first line */
  constructor(path: string, what: string) {
    this.path = path;
    this.#what = what;
    this.#new = `${path}.new`;
  }

  /** Null: there is no such file. A text: what is wrong with it. Whether the content is whole is for the caller to see. */
  read(): Sealed | string | null {
    let content: string;
    try {
      content = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
    const end = content.indexOf('\n');
    const [, what, schema, sha256] = HEAD.exec(content.slice(0, end)) ?? [];
    if (what !== this.#what || schema === undefined || sha256 === undefined) {
      return `its first line is none of tswitch's (${this.#what})`;
    }
    if (!content.endsWith('\n')) return 'its end is missing';
    return { schema: Number(schema), sha256, text: content.slice(end + 1, -1) };
  }

  /** Writes the new content beside the file, as far as the disk. */
  prepare({ schema, sha256, text }: Sealed): void {
    const file = openSync(this.#new, 'w', FILE_MODE);
    try {
      writeFileSync(file, `tswitch ${this.#what}, schema ${schema}, sha256 ${sha256}\n${text}\n`);
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

function digestOf(schema: number, text: string): string {
  return createHash('sha256').update(`${schema}\n${text}`).digest('hex');
}
