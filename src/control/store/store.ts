/**
 * Kept state, in two files that hold the same: a database (database.ts) and beside it `FILE.last-good` (sealed-file.ts). A
 * generation is in both, on the disk, before the change that made it is acknowledged. What is damaged is set aside under
 * another name and said; the newest whole generation of either is used. Where there was state and none of it is whole, the
 * daemon refuses to start: a switch that is empty for no reason told cuts everybody off.
 */
import { accessSync, closeSync, constants, mkdirSync, openSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TswitchError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Database } from './database.ts';
import { damaged, type Found, type Kept, NOTHING, seal, unseal } from './kept.ts';
import { type Migration, MIGRATIONS } from './migrations.ts';
import { SealedFile } from './sealed-file.ts';
import { setAside } from './set-aside.ts';
import { explainStoreError, isDamage } from './store-errors.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** Who may write the state runs the switch. */
const OTHERS_WRITE = 0o022;
const SECOND_SUFFIX = '.last-good';
const DATABASE_SUFFIXES = ['', '-wal', '-shm', '-journal'];
/** A change needs room for the log's pages and the second file's new content. */
const ROOM_BYTES_MIN = 128 * 1024;
const ROOM_PER_DOCUMENT = 4;

export interface StoreOptions {
  /** Told of what is damaged, and where it lies now. */
  log: Log;
  /** For tests. */
  migrations?: readonly Migration[];
}

export class Store {
  /** Absolute. */
  readonly path: string;
  /** What was found at opening; null: nothing was ever kept here. */
  readonly kept: Kept | null;
  /** What had to be set aside since the daemon started, in words for people; empty: all was well. */
  readonly notices: string[] = [];
  readonly #second: SealedFile;
  readonly #options: Required<StoreOptions>;
  #database: Database;
  #documentBytes = 0;
  /** Why the last change could not be kept; null: it was. */
  #failure: string | null = null;

  /**
   * Opens the state, or makes the files of a new one.
   *
   * @throws TswitchError STATE_FAILED where it is another daemon's, of a later version, or damaged beyond use; STATE_FULL
   */
  static open(path: string, { log, migrations = MIGRATIONS }: StoreOptions): Store {
    try {
      return new Store(resolve(path), { log, migrations });
    } catch (error) {
      throw explainStoreError(`cannot open the state ${path}`, error);
    }
  }

  private constructor(path: string, options: Required<StoreOptions>) {
    this.path = path;
    this.#options = options;
    this.#second = new SealedFile(`${path}${SECOND_SUFFIX}`, 'state');
    prepareFile(path);
    const [database, inDatabase] = this.#openDatabase();
    const inSecond = this.#readSecond();
    try {
      this.kept = this.#choose(inDatabase, inSecond);
    } catch (error) {
      database?.close();
      throw error;
    }
    const damage = inDatabase.damage ?? lackOf(inDatabase, inSecond);
    if (inSecond.damage !== null) this.#setAside(this.#second.path, [''], inSecond.damage);
    if (database && damage === null) {
      this.#database = database;
    } else {
      this.#database = this.#replace(database, damage ?? 'it cannot be opened');
    }
    if (this.kept) this.#keepAgain(this.kept);
  }

  /** What is wrong with keeping state, for people; null: nothing. */
  get problem(): string | null {
    return this.#failure;
  }

  /** Before anything of a change is done. @throws TswitchError STATE_FULL where the change could probably not be kept */
  assertRoom(): void {
    const needed = ROOM_BYTES_MIN + ROOM_PER_DOCUMENT * this.#documentBytes;
    const { bavail, bsize } = statfsSync(dirname(this.path));
    if (bavail * bsize >= needed) return;
    throw new TswitchError(
      'STATE_FULL',
      `nothing is changed, as it could not be kept: the file system of ${this.path} has ${bavail * bsize} bytes left, and ${needed} are needed; make room there`,
    );
  }

  /** On the disk when it returns. @throws TswitchError STATE_FULL, STATE_FAILED: then the generation before is still kept */
  save(kept: Kept): void {
    try {
      this.#saveOrReplace(kept);
      this.#failure = null;
    } catch (error) {
      const explained = explainStoreError(`a change could not be kept in ${this.path}`, error);
      this.#failure = explained.message;
      throw explained;
    }
  }

  close(): void {
    this.#database.close();
  }

  /** So that both files hold it, and to know that both can be written. A full disk is no reason not to start. */
  #keepAgain(kept: Kept): void {
    try {
      this.save(kept);
    } catch (error) {
      if (!(error instanceof TswitchError && error.code === 'STATE_FULL')) throw error;
      this.#options.log.error('configuration cannot be kept', { reason: error.message });
    }
  }

  #saveOrReplace(kept: Kept): void {
    try {
      this.#write(kept);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#database = this.#replace(this.#database, error instanceof Error ? error.message : String(error));
      this.#write(kept);
    }
  }

  #write(kept: Kept): void {
    const sealed = seal(kept, this.#options.migrations);
    try {
      this.#database.write(kept.generation, sealed, () => this.#second.prepare(sealed));
    } catch (error) {
      this.#second.discard();
      throw error;
    }
    this.#second.publish();
    this.#documentBytes = sealed.text.length;
  }

  /** Null, with what is wrong with it, where it cannot be used. */
  #openDatabase(): [Database | null, Found] {
    try {
      const database = Database.open(this.path, this.#options.migrations);
      return [database, database.read()];
    } catch (error) {
      if (!isDamage(error)) throw error;
      accessSync(this.path, constants.W_OK);
      return [null, damaged(`SQLite cannot open it (${error instanceof Error ? error.message : String(error)})`)];
    }
  }

  #readSecond(): Found {
    const read = this.#second.read();
    if (read === null) return NOTHING;
    return typeof read === 'string' ? damaged(read) : unseal(read, this.#options.migrations);
  }

  /** The newest of what is whole. */
  #choose(inDatabase: Found, inSecond: Found): Kept | null {
    // That the database is of a later version, its second file confirms, or nobody denies it; else a bit has flipped.
    const isNewer = inSecond.newer !== null || (inDatabase.newer !== null && inSecond.kept === null);
    if (isNewer) {
      throw new TswitchError(
        'STATE_FAILED',
        `the state ${this.path} was written by a later version of tswitch (schema ${inSecond.newer ?? inDatabase.newer}, this one knows ${this.#options.migrations.length}): run that version, or put a back-up of this one's state in its place`,
      );
    }
    const found = [inDatabase.kept, inSecond.kept].filter((kept) => kept !== null);
    const damages = [inDatabase.damage, inSecond.damage].filter((damage) => damage !== null);
    if (found.length === 0 && damages.length > 0) {
      throw new TswitchError(
        'STATE_FAILED',
        `the state ${this.path} is damaged, and so is its second file, or it is missing (${damages.join('; ')}): put a back-up in its place, or move ${this.path}* away to begin with an empty switch; nothing is touched until then`,
      );
    }
    return found.toSorted((a, b) => b.generation - a.generation)[0] ?? null;
  }

  #replace(old: Database | null, damage: string): Database {
    this.#setAside(this.path, DATABASE_SUFFIXES, damage);
    old?.close();
    prepareFile(this.path);
    return Database.open(this.path, this.#options.migrations);
  }

  #setAside(path: string, suffixes: readonly string[], damage: string): void {
    const place = setAside(path, suffixes);
    const notice = `the state file ${path} is damaged: ${damage}; it lies in ${place} now, and the last good state is used`;
    this.notices.push(notice);
    this.#options.log.error('kept state is damaged', { reason: damage, file: path, place });
  }
}

/** The second file is never ahead of a whole database. */
function lackOf(inDatabase: Found, inSecond: Found): string | null {
  if (inDatabase.newer !== null) return 'its schema version is none that was ever written';
  if (!inSecond.kept) return null;
  const has = inDatabase.kept?.generation ?? 0;
  return has < inSecond.kept.generation ? `it lacks generation ${inSecond.kept.generation}` : null;
}

/** SQLite gives its log the mode of the file. */
function prepareFile(path: string): void {
  makeFolder(dirname(path));
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile()) {
    throw new TswitchError('STATE_FAILED', `the state ${path} is no file: give another --state FILE`);
  }
  if (found && (found.mode & OTHERS_WRITE) !== 0) {
    throw new TswitchError('STATE_FAILED', `the state ${path} can be written by other users: chmod 600 it`);
  }
  if (!found) closeSync(openSync(path, 'ax', FILE_MODE));
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, FOLDER_MODE);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
