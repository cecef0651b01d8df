/** What can go wrong with the state's files: which of it is damage, and what to do about the rest. */
import { TswitchError } from '../errors.ts';

/** SQLite's result codes (sqlite.org/rescode.html), without their extension. */
const ERROR = 1;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const CONSTRAINT = 19;
const MISMATCH = 20;
const NOTADB = 26;
/** READONLY, where another file's permissions are no reason, is a flipped bit in the file's header. */
const DAMAGE: ReadonlySet<number> = new Set([ERROR, READONLY, CORRUPT, CONSTRAINT, MISMATCH, NOTADB]);
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const REFUSED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Whether SQLite stumbled over the file's content. */
export function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  return code !== null && DAMAGE.has(code);
}

/** @param what could not be done, such as `cannot open the state /var/lib/tswitch/state.db` */
export function explainStoreError(what: string, error: unknown): TswitchError {
  if (error instanceof TswitchError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const code = resultCode(error);
  const name = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === BUSY || code === LOCKED) {
    return new TswitchError(
      'STATE_FAILED',
      `${what}: another daemon has it open; stop that one, or give another --state FILE, or --ephemeral`,
    );
  }
  if (code === FULL || NO_ROOM.has(name)) {
    return new TswitchError('STATE_FULL', `${what} (${reason}): make room on its file system`, undefined, error);
  }
  if (code === CANTOPEN || REFUSED.has(name) || name === 'ENOENT' || name === 'ENOTDIR') {
    return new TswitchError(
      'STATE_FAILED',
      `${what} (${reason}): give a --state FILE that the daemon may write, in a folder that is there, or --ephemeral`,
      undefined,
      error,
    );
  }
  return new TswitchError('STATE_FAILED', `${what} (${reason})`, undefined, error);
}

function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}
