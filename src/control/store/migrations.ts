/**
 * The formats that kept state has had. A state of format N is brought to the present one by all migrations from the Nth on,
 * when a daemon opens it; the way back is a back-up made before. Entries are added at the end, and never changed.
 */

export interface Migration {
  /** SQL that brings the database to this format; it runs in the transaction that raises `user_version`. */
  tables: string;
  /** Brings a document to this format. */
  upgrade: (document: unknown) => unknown;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    // The present generation and the one before.
    tables: `CREATE TABLE generation (
      number INTEGER PRIMARY KEY,
      schema INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      document TEXT NOT NULL
    ) STRICT`,
    upgrade: (document) => document,
  },
];
