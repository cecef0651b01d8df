/**
 * The document of networks in a file beside the state: text with its digest in the first line. It takes its new content by a
 * rename, so it is whole at every moment, and it is on the disk before a change is acknowledged.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { TswitchError } from '../control/errors.ts';
import type { Log } from '../control/log.ts';
import type { NetworksDocument, NetworkStore } from './model.ts';

const FILE_MODE = 0o600;
const HEAD = /^tswitch networks, format 1, sha256 ([0-9a-f]{64})\n/;
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export function fileStore(path: string, log: Log): NetworkStore {
  return {
    load: () => load(path, log),
    async save(document) {
      try {
        write(path, JSON.stringify(document));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        const isFull = error instanceof Error && 'code' in error && NO_ROOM.has(error.code);
        throw new TswitchError(
          isFull ? 'STATE_FULL' : 'STATE_FAILED',
          `networks could not be kept in ${path} (${reason}): make it writable and make room there`,
          undefined,
          error,
        );
      }
    },
  };
}

function load(path: string, log: Log): NetworksDocument | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const head = HEAD.exec(text);
  const body = text.slice(head?.[0].length ?? 0);
  if (head?.[1] === digestOf(body)) return JSON.parse(body) as NetworksDocument;
  // Whoever mends it by hand should find it; a daemon without networks serves the ports at least.
  const place = `${path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`;
  renameSync(path, place);
  log.error('file of networks is damaged: it is set aside, and all networks are gone', { path, place });
  return null;
}

function write(path: string, text: string): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', FILE_MODE);
  try {
    writeFileSync(file, `tswitch networks, format 1, sha256 ${digestOf(text)}\n${text}`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  // The new name is on the disk when its folder is.
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
