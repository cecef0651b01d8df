/**
 * The state file: an SQLite database that one daemon has to itself. Written with a write-ahead log and synchronous=FULL, so a
 * generation is on the disk when `write` returns, whatever ends the process or the machine then.
 */
import { DatabaseSync } from 'node:sqlite';
import { damaged, type Found, NOTHING, unseal } from './kept.ts';
import type { Migration } from './migrations.ts';
import type { Sealed } from './sealed-file.ts';
import { isDamage } from './store-errors.ts';

/** A daemon that was killed lets go of the file when its last thread has ended. */
const BUSY_MS_MAX = 3000;
/** The log is taken over into the file when it has grown to so many pages of 4 KiB. */
const LOG_PAGES_MAX = 100;

interface Row {
  schema: number;
  sha256: string;
  document: string;
}

export class Database {
  readonly #database: DatabaseSync;
  readonly #migrations: readonly Migration[];

  private constructor(database: DatabaseSync, migrations: readonly Migration[]) {
    this.#database = database;
    this.#migrations = migrations;
  }

  /**
   * Opens or makes it and takes the lock on it.
   *
   * @param path absolute
   * @throws Error of SQLite
   */
  static open(path: string, migrations: readonly Migration[]): Database {
    const database = new DatabaseSync(path, { timeout: BUSY_MS_MAX });
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE');
      database.exec('PRAGMA journal_mode = WAL');
      database.exec('PRAGMA synchronous = FULL');
      database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES_MAX}`);
      // Takes the lock; writes nothing, so that a full disk keeps no daemon from starting.
      database.exec('BEGIN IMMEDIATE');
      database.exec('COMMIT');
      return new Database(database, migrations);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Never throws for what is wrong with the file's content. */
  read(): Found {
    try {
      const version = this.#version();
      const check = Object.values(this.#database.prepare('PRAGMA integrity_check').get() ?? {});
      if (check[0] !== 'ok') return { ...this.#newest(), damage: `SQLite finds it damaged (${String(check[0])})` };
      if (version > this.#migrations.length) return { ...NOTHING, newer: version };
      return version === 0 ? this.#nothing() : this.#newest();
    } catch (error) {
      if (!isDamage(error)) throw error;
      return damaged(`SQLite cannot read it (${error instanceof Error ? error.message : String(error)})`);
    }
  }

  /**
   * Adds a generation, beside the one before, after it has brought the tables of an earlier format, or none, to the present one.
   * On the disk when it returns, or not there at all.
   *
   * @param beforeCommit what must have succeeded too
   */
  write(generation: number, { schema, sha256, text }: Sealed, beforeCommit: () => void): void {
    this.#transaction(() => {
      this.#migrate();
      const add = 'INSERT OR REPLACE INTO generation (number, schema, sha256, document) VALUES (?, ?, ?, ?)';
      this.#database.prepare(add).run(generation, schema, sha256, text);
      this.#database.prepare('DELETE FROM generation WHERE number NOT IN (?, ?)').run(generation, generation - 1);
      beforeCommit();
    });
  }

  close(): void {
    this.#database.close();
  }

  #migrate(): void {
    const version = this.#version();
    if (version === this.#migrations.length) return;
    for (const { tables } of this.#migrations.slice(version)) this.#database.exec(tables);
    this.#database.exec(`PRAGMA user_version = ${this.#migrations.length}`);
  }

  /** Of a database without a version, which has no tables either. */
  #nothing(): Found {
    const tables = this.#database.prepare('SELECT name FROM sqlite_schema').all();
    return tables.length === 0 ? NOTHING : damaged('it has tables, but no version');
  }

  #version(): number {
    return Number(Object.values(this.#database.prepare('PRAGMA user_version').get() ?? {})[0] ?? 0);
  }

  /** The newest generation that is whole, and what is wrong with those after it. */
  #newest(): Found {
    const select = 'SELECT schema, sha256, document FROM generation ORDER BY number DESC';
    const rows = this.#database.prepare(select).all() as unknown as Row[];
    let damage: string | null = rows.length === 0 ? 'it holds no generation' : null;
    for (const { schema, sha256, document } of rows) {
      const found = unseal({ schema, sha256, text: document }, this.#migrations);
      if (found.damage === null) return { ...found, damage };
      damage ??= found.damage;
    }
    return { ...NOTHING, damage };
  }

  #transaction(act: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      act();
      this.#database.exec('COMMIT');
    } catch (error) {
      // Some errors have ended the transaction already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
