/** What a request for a mirror means: defaults filled in, and everything refused that makes no sense by itself. Pure. */
import { isAbsolute, normalize } from 'node:path';
import { TswitchError } from '../errors.ts';
import type { MirrorRequest, PortMirror } from '../model.ts';
import { CAPTURE_LIMITS } from './capture-request.ts';

export const MIRROR_BYTES_MIN = 1024 * 1024;
export const MIRROR_BYTES_DEFAULT = 128 * 1024 * 1024;
export const MIRROR_BYTES_MAX = CAPTURE_LIMITS.bytesMax;
/** PATH_MAX of Linux less room for `.1` and the closing zero. */
export const MIRROR_FILE_BYTES_MAX = 4093;
/** Nothing that a system runs or obeys has such a name, so who may set a mirror cannot make root write anything else. */
const FILE_ENDING = '.pcapng';
const CONTROL_CHARACTER = /\p{Cc}/u;

/** @throws TswitchError BAD_REQUEST */
export function normalMirror(request: MirrorRequest | null, port: string | null): PortMirror | null {
  if (request === null) return null;
  const { port: to = null, file = null, direction = 'both', vlans = [], maxBytes = null } = request;
  if ((to === null) === (file === null)) refuse('give either the port that gets the copies or the file');
  if (to !== null && to === port) refuse(`port ${to} cannot be mirrored to itself: name another port, or a file`);
  if (file !== null) checkFile(file);
  if (file === null && maxBytes !== null) refuse('maxBytes is for a file; leave it out');
  return {
    port: to,
    file,
    direction,
    vlans: [...new Set(vlans)].toSorted((a, b) => a - b),
    maxBytes: file === null ? null : (maxBytes ?? MIRROR_BYTES_DEFAULT),
  };
}

function checkFile(file: string): void {
  if (!isAbsolute(file) || normalize(file) !== file || !file.endsWith(FILE_ENDING) || CONTROL_CHARACTER.test(file)) {
    refuse(`file: give a whole path that ends in ${FILE_ENDING}, like /var/log/tswitch/red${FILE_ENDING}`);
  }
  if (Buffer.byteLength(file) > MIRROR_FILE_BYTES_MAX) refuse('file: the path is too long');
}

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', `mirror: ${message}`);
}
