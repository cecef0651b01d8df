/** Why a capture file cannot be written, for who asked for it. */
import type { FileProblem } from '../../shared/capture-messages.ts';
import { TswitchError } from '../errors.ts';

const REFUSALS: Readonly<Record<string, (file: string) => TswitchError>> = {
  ENOENT: (file) => bad(`${file} cannot be made: there is no such folder; make it first`),
  ENOTDIR: (file) => bad(`${file} cannot be made: a part of its path is no folder`),
  EACCES: notPermitted,
  EPERM: notPermitted,
  EROFS: notPermitted,
  ENOSPC: full,
  EDQUOT: full,
};

export function refusedFile(file: string, { code, message }: FileProblem): TswitchError {
  if (code === null) return bad(`${message}: move it away, or name another file`);
  return REFUSALS[code]?.(file) ?? bad(`${file} cannot be written: ${message}`);
}

function bad(message: string): TswitchError {
  return new TswitchError('BAD_REQUEST', `mirror: ${message}`);
}

function notPermitted(file: string): TswitchError {
  return new TswitchError(
    'NOT_PERMITTED',
    `mirror: the daemon may not write ${file}: name a file in a folder of its own`,
  );
}

function full(file: string): TswitchError {
  return new TswitchError('LIMIT_REACHED', `mirror: there is no room for ${file}: make some, or name another place`);
}
