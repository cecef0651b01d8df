/**
 * The tokens that TCP clients show: a file of names, each with the SHA-256 of its token. A slow hash such as scrypt protects
 * passwords, which can be guessed; a token is 256 random bits, which nobody can, and a slow hash would let anybody who sends
 * wrong ones keep the main thread busy. The file is the truth: it is read anew when it has changed, so that `tswitch token`
 * can make the first token before the daemon starts.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { TswitchError } from '../control/errors.ts';

export const TOKENS_MAX = 1000;
export const TOKEN_NAME = /^[A-Za-z0-9._:-]{1,64}$/;
const TOKEN_BYTES = 32;
/** Makes tokens recognizable, for people and for programs that look for leaked secrets. */
const TOKEN_PREFIX = 'tsw_';
const FILE_MODE = 0o600;
const OTHERS_MASK = 0o077;

const tokenFile = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        name: z.string().regex(TOKEN_NAME),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        readOnly: z.boolean(),
        logic: z.boolean().default(false),
        created: z.iso.datetime(),
      }),
    )
    .max(TOKENS_MAX),
});
type StoredToken = z.infer<typeof tokenFile>['tokens'][number];

export type TokenView = Omit<StoredToken, 'sha256'>;
/** What a token may; by default all but loading and changing logics. */
export type TokenRights = Partial<Pick<StoredToken, 'readOnly' | 'logic'>>;

export class TokenStore {
  readonly path: string;
  #tokens: StoredToken[] = [];
  #version = '';
  #problem: string | null = null;

  /** @throws TswitchError BAD_REQUEST or NOT_PERMITTED where the file cannot be used; a missing one holds no token */
  constructor(path: string) {
    this.path = path;
    this.#refresh();
  }

  /** Why no token was found when they were last looked at; null: the file can be used. */
  get problem(): string | null {
    return this.#problem;
  }

  list(): TokenView[] {
    this.#refresh();
    return this.#tokens.map(viewOf);
  }

  /** Reads the file whether or not it seems to have changed. @throws TswitchError as the constructor does */
  reload(): void {
    this.#version = '';
    this.#refresh();
  }

  /** The token is known to nobody but the caller afterwards. @throws TswitchError BAD_REQUEST, TOKEN_EXISTS, LIMIT_REACHED */
  add(name: string, { readOnly = false, logic = false }: TokenRights = {}): TokenView & { token: string } {
    this.#refresh();
    if (readOnly && logic) {
      throw new TswitchError('BAD_REQUEST', 'logic: a token that may only read loads no logics: give one of the two');
    }
    if (!TOKEN_NAME.test(name)) {
      throw new TswitchError('BAD_REQUEST', 'name: must be a token name: 1 to 64 of A-Z a-z 0-9 . _ : -');
    }
    if (this.#tokens.some((token) => token.name === name)) {
      throw new TswitchError('TOKEN_EXISTS', `there is a token ${name} already: remove it first, or use another name`);
    }
    if (this.#tokens.length >= TOKENS_MAX) {
      throw new TswitchError('LIMIT_REACHED', `there are ${TOKENS_MAX} tokens, which is the most: remove one first`);
    }
    const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const stored = {
      name,
      sha256: digestOf(token).toString('hex'),
      readOnly,
      logic,
      created: new Date().toISOString(),
    };
    this.#write([...this.#tokens, stored]);
    return { ...viewOf(stored), token };
  }

  /** @throws TswitchError TOKEN_NOT_FOUND */
  remove(name: string): void {
    this.#refresh();
    const rest = this.#tokens.filter((token) => token.name !== name);
    if (rest.length === this.#tokens.length) {
      throw new TswitchError(
        'TOKEN_NOT_FOUND',
        `there is no token ${name}: \`tswitch token ls\` shows those there are`,
      );
    }
    this.#write(rest);
  }

  /** Takes as long for a wrong token as for a right one, wherever they differ. */
  find(token: string): TokenView | null {
    this.#refresh();
    const digest = digestOf(token);
    let found: TokenView | null = null;
    for (const stored of this.#tokens) {
      if (timingSafeEqual(Buffer.from(stored.sha256, 'hex'), digest)) found = viewOf(stored);
    }
    return found;
  }

  #refresh(): void {
    try {
      const version = versionOf(this.path);
      this.#problem = null;
      if (version === this.#version) return;
      this.#tokens = version === '' ? [] : readTokens(this.path);
      this.#version = version;
    } catch (error) {
      // Whatever is wrong with the file, what it held before is no longer to be trusted.
      this.#tokens = [];
      this.#version = '';
      const explained = fileError(this.path, error);
      this.#problem = explained.message;
      throw explained;
    }
  }

  /** Whole or not at all: a new file takes the old one's name, and is on the disk before it does. */
  #write(tokens: StoredToken[]): void {
    const temporary = `${this.path}.${process.pid}.new`;
    try {
      const file = openSync(temporary, 'w', FILE_MODE);
      try {
        writeSync(file, `${JSON.stringify({ tokens }, null, 2)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.path);
      syncFolder(dirname(this.path));
    } catch (error) {
      removeQuietly(temporary);
      throw fileError(this.path, error);
    }
    this.#tokens = tokens;
    this.#version = versionOf(this.path);
  }
}

/** Moves whenever the file is another or has been changed; empty if there is none. */
function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat) return '';
  if (!stat.isFile())
    throw new TswitchError('BAD_REQUEST', `the token file ${path} is no file; give another --token-file`);
  if ((Number(stat.mode) & OTHERS_MASK) !== 0) {
    throw new TswitchError('BAD_REQUEST', `the token file ${path} is open to other users: chmod 600 it`);
  }
  return `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

function readTokens(path: string): StoredToken[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(path, error);
    throw error;
  }
  const { success, data, error } = tokenFile.safeParse(parsed);
  if (!success) throw damaged(path, error);
  return data.tokens;
}

function damaged(path: string, cause: unknown): TswitchError {
  return new TswitchError(
    'BAD_REQUEST',
    `the token file ${path} is damaged: mend it, or remove it and add the tokens anew`,
    null,
    cause,
  );
}

function fileError(path: string, error: unknown): Error {
  if (error instanceof TswitchError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new TswitchError('NOT_PERMITTED', `cannot use the token file ${path}: ${reason}`, null, error);
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or the folder is gone.
  }
}

function viewOf({ name, readOnly, logic, created }: StoredToken): TokenView {
  return { name, readOnly, logic, created };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
