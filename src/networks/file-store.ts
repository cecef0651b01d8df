/**
 * The document of networks, kept in two files that hold the same: `FILE`, and beside it `FILE.last-good`. What holds for the
 * switch's own state (control/store/store.ts) holds here: each has a digest; a generation is in both, on the disk, before a change
 * is acknowledged; the newest whole one is used; what is damaged is set aside and said. Where there were networks and none of
 * the files is whole, the daemon refuses to start, and touches nothing.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { TswitchError } from '../control/errors.ts';
import type { Log } from '../control/log.ts';
import { isWhole, type Sealed, SealedFile, sealText } from '../control/store/sealed-file.ts';
import { setAside } from '../control/store/set-aside.ts';
import { explainStoreError } from '../control/store/store-errors.ts';
import { textOf } from '../control/wish/refusals.ts';
import { inThisBoot } from './document.ts';
import type { NetworksDocument, NetworkStore } from './model.ts';

/** Version of the text's format. */
const SCHEMA = 1;

interface Content {
  /** Counts the changes. */
  generation: number;
  document: NetworksDocument;
}

/** One of the files: what it holds, or what is wrong with it; both null: it is not there. */
interface Found {
  path: string;
  content: Content | null;
  damage: string | null;
}

export class NetworkFiles implements NetworkStore {
  readonly keeps = true;
  readonly kept: NetworksDocument | null;
  /** What had to be set aside, in words for people; empty: all was well. */
  readonly notices: readonly string[];
  readonly #files: readonly SealedFile[];
  #generation: number;

  /** @throws TswitchError STATE_FAILED where it is of a later version, or damaged beyond use */
  static open(path: string, log: Log): NetworkFiles {
    try {
      return new NetworkFiles(path, log);
    } catch (error) {
      throw explainStoreError(`cannot open the networks ${path}`, error);
    }
  }

  private constructor(path: string, log: Log) {
    this.#files = [path, `${path}.last-good`].map((each) => new SealedFile(each, 'networks'));
    const found = this.#files.map(readFile);
    const newest = newestOf(path, found);
    this.#generation = newest?.generation ?? 0;
    this.kept = newest && inThisBoot(newest.document);
    this.notices = found.flatMap(({ path: file, damage }) => (damage === null ? [] : [putAway(file, damage, log)]));
    const lacks = found.some(({ content }) => content?.generation !== newest?.generation);
    if (newest && lacks) this.#writeAgain(newest.document, log);
  }

  async save(document: NetworksDocument): Promise<void> {
    try {
      this.#write(document);
    } catch (error) {
      throw explainStoreError(`networks could not be kept in ${this.#files[0]?.path}`, error);
    }
  }

  /** So that both files hold it. A full disk is no reason not to start. */
  #writeAgain(document: NetworksDocument, log: Log): void {
    try {
      this.#write(document);
    } catch (error) {
      log.error('networks cannot be kept', { reason: textOf(error) });
    }
  }

  #write(document: NetworksDocument): void {
    // Also if this fails: what it left in one of the files is older than what comes after it.
    const generation = ++this.#generation;
    const content: Content = { generation, document };
    const sealed = sealText(SCHEMA, JSON.stringify(content));
    try {
      for (const file of this.#files) file.prepare(sealed);
    } catch (error) {
      for (const file of this.#files) file.discard();
      throw error;
    }
    for (const file of this.#files) file.publish();
    syncFolder(dirname(this.#files[0]?.path ?? ''));
  }
}

function readFile(file: SealedFile): Found {
  const { path } = file;
  const read = file.read();
  if (read === null || typeof read === 'string') return { path, content: null, damage: read };
  if (!isWhole(read)) return { path, content: null, damage: 'its content does not match its digest' };
  return { path, content: contentOf(path, read), damage: null };
}

function contentOf(path: string, { schema, text }: Sealed): Content {
  if (schema <= SCHEMA) return JSON.parse(text) as Content;
  throw new TswitchError(
    'STATE_FAILED',
    `the networks in ${path} were written by a later version of tswitch (schema ${schema}, this one knows ${SCHEMA}): run that version, or put a back-up of this one's in its place`,
  );
}

/** Null: nothing was ever kept. @throws TswitchError STATE_FAILED where all that there is is damaged */
function newestOf(path: string, found: readonly Found[]): Content | null {
  const [newest = null] = found.flatMap(({ content }) => content ?? []).toSorted((a, b) => b.generation - a.generation);
  const damages = found.flatMap(({ damage }) => damage ?? []);
  if (newest !== null || damages.length === 0) return newest;
  throw new TswitchError(
    'STATE_FAILED',
    `the networks in ${path} are damaged, and so is their second file, or it is missing (${damages.join('; ')}): put a back-up in its place, or move ${path}* away to begin without networks; nothing is touched until then`,
  );
}

function putAway(path: string, damage: string, log: Log): string {
  const place = setAside(path);
  log.error('kept networks are damaged', { reason: damage, file: path, place });
  return `the file of networks ${path} is damaged: ${damage}; it lies in ${place} now, and the last good networks are used`;
}

/** A new name is on the disk when its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
