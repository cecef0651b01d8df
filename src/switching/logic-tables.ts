/**
 * Tables of a loaded logic, in memory that all workers share: rows of 32-bit columns, reached by number, or by a key of two
 * words. Each column is a typed array, so reading and writing one is an array access. Single words are whole whoever writes
 * them; what must be added to by several workers, add to with Atomics.
 */

/** Largest number of rows of a table. */
export const LOGIC_ROWS_MAX = 1_048_576;
export const LOGIC_COLUMNS_MAX = 16;

export interface TableSpec<Column extends string = string> {
  readonly kind: 'rows' | 'keyed';
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Whether a new version of the logic with the same table goes on with its content. */
  readonly carried: boolean;
}
export type TableSpecs = Readonly<Record<string, TableSpec>>;

export type TableOf<Spec> =
  Spec extends TableSpec<infer Column>
    ? Spec extends { kind: 'keyed' }
      ? KeyedTable<Column>
      : RowTable<Column>
    : never;

interface TableShape<Column extends string> {
  rows: number;
  columns: readonly Column[];
  /** Default false. */
  carried?: boolean;
}

/** A table of rows 0 to `rows` - 1. */
export function rows<const Column extends string>(shape: TableShape<Column>): TableSpec<Column> & { kind: 'rows' } {
  return { kind: 'rows', carried: false, ...shape };
}

/** A table whose rows are found by a key of two words, such as VLAN and address as `keyHigh` and `keyLow` give them. */
export function keyed<const Column extends string>(shape: TableShape<Column>): TableSpec<Column> & { kind: 'keyed' } {
  return { kind: 'keyed', carried: false, ...shape };
}

type Columns<Column extends string> = { readonly [Name in Column]: Int32Array };

/** Words in front of a table. */
const HEADER_WORDS = 16;
/** Number of the worker that changes the table, plus one; 0: nobody does. */
const LOCK = 0;
const COUNT = 1;
const LOCK_TRIES = 200;

const STATE_EMPTY = 0;
const STATE_CHANGING = 1;
const STATE_FULL = 2;
const STATE_REMOVED = 3;
/** Rows that are looked at for a key; half of the places are free at least. */
const PROBES_MAX = 64;
/** HIGH, LOW, STATE. */
const KEY_COLUMNS = 3;

/** Places of a keyed table for so many rows: a power of two, twice as many at least. */
function placesFor(rows: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, rows * 2)));
}

export function allocateTable({ kind, rows: count, columns }: TableSpec): SharedArrayBuffer {
  const words = kind === 'rows' ? count * columns.length : placesFor(count) * (columns.length + KEY_COLUMNS);
  return new SharedArrayBuffer((HEADER_WORDS + words) * 4);
}

export function openTable(spec: TableSpec, buffer: SharedArrayBuffer, worker: number): RowTable | KeyedTable {
  return spec.kind === 'rows' ? new RowTable(spec, buffer) : new KeyedTable(spec, buffer, worker);
}

/** A table of one worker's own, empty, for what `create` makes of parameters: nobody else changes it, so `insert` succeeds. */
export function ownTable<Spec extends TableSpec>(spec: Spec): TableOf<Spec> {
  return openTable(spec, allocateTable(spec), 0) as TableOf<Spec>;
}

/** Takes the lock from a worker that is no more. */
export function freeTableOf(worker: number, buffer: SharedArrayBuffer): void {
  Atomics.compareExchange(new Int32Array(buffer), LOCK, worker + 1, 0);
}

function columnsOf<Column extends string>(
  { columns }: TableSpec<Column>,
  buffer: SharedArrayBuffer,
  first: number,
  rows: number,
): Columns<Column> {
  const arrays = columns.map((name, k) => [name, new Int32Array(buffer, (first + k * rows) * 4, rows)] as const);
  return Object.fromEntries(arrays) as Columns<Column>;
}

export class RowTable<Column extends string = string> {
  readonly rows: number;
  readonly column: Columns<Column>;

  constructor(spec: TableSpec<Column>, buffer: SharedArrayBuffer) {
    this.rows = spec.rows;
    this.column = columnsOf(spec, buffer, HEADER_WORDS, spec.rows);
  }
}

/**
 * Reading takes no lock. A row whose key is just written looks absent; one that is removed and taken by another key at the
 * same moment may be read for a moment under the old one.
 */
export class KeyedTable<Column extends string = string> {
  readonly rows: number;
  readonly column: Columns<Column>;
  readonly #header: Int32Array;
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  readonly #state: Int32Array;
  readonly #mask: number;
  readonly #owner: number;

  constructor(spec: TableSpec<Column>, buffer: SharedArrayBuffer, worker: number) {
    const places = placesFor(spec.rows);
    const words = (k: number): Int32Array => new Int32Array(buffer, (HEADER_WORDS + k * places) * 4, places);
    this.rows = spec.rows;
    this.#header = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#high = words(0);
    this.#low = words(1);
    this.#state = words(2);
    this.column = columnsOf(spec, buffer, HEADER_WORDS + KEY_COLUMNS * places, places);
    this.#mask = places - 1;
    this.#owner = worker + 1;
  }

  /** Rows that have a key. */
  get count(): number {
    return this.#header[COUNT]!;
  }

  /** The row of the key, an index into every column; -1: there is none. */
  find(high: number, low: number): number {
    const state = this.#state;
    let at = hash(high, low) & this.#mask;
    for (let k = 0; k < PROBES_MAX; k++) {
      const is = state[at]!;
      if (is === STATE_EMPTY) return -1;
      if (is === STATE_FULL && this.#high[at] === high && this.#low[at] === low) return at;
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  /** The row of the key, made if there is none, with zeros in all columns; -1: the table is full, or another worker changes it. */
  insert(high: number, low: number): number {
    const found = this.find(high, low);
    if (found >= 0) return found;
    if (!this.#lock()) return -1;
    const row = this.#insert(high, low);
    Atomics.store(this.#header, LOCK, 0);
    return row;
  }

  /** Forgets the row's key. @returns false where another worker changes the table: try again with the next tick */
  remove(row: number): boolean {
    if (!this.#lock()) return false;
    if (this.#state[row] === STATE_FULL) {
      const isLast = this.#state[(row + 1) & this.#mask] === STATE_EMPTY;
      Atomics.store(this.#state, row, isLast ? STATE_EMPTY : STATE_REMOVED);
      this.#header[COUNT] = this.#header[COUNT]! - 1;
    }
    Atomics.store(this.#header, LOCK, 0);
    return true;
  }

  /** The first row with a key from `row` on; -1: there is none. For walks: `for (let r = next(0); r >= 0; r = next(r + 1))`. */
  next(row: number): number {
    for (let at = row; at <= this.#mask; at++) if (this.#state[at] === STATE_FULL) return at;
    return -1;
  }

  /** The words of the row's key. */
  high(row: number): number {
    return this.#high[row]!;
  }

  low(row: number): number {
    return this.#low[row]!;
  }

  #insert(high: number, low: number): number {
    const again = this.find(high, low);
    if (again >= 0) return again;
    if (this.#header[COUNT]! >= this.rows) return -1;
    let at = hash(high, low) & this.#mask;
    for (let k = 0; k < PROBES_MAX; k++) {
      const is = this.#state[at]!;
      if (is !== STATE_FULL) {
        Atomics.store(this.#state, at, STATE_CHANGING);
        this.#high[at] = high;
        this.#low[at] = low;
        for (const name in this.column) this.column[name][at] = 0;
        Atomics.store(this.#state, at, STATE_FULL);
        this.#header[COUNT] = this.#header[COUNT]! + 1;
        return at;
      }
      at = (at + 1) & this.#mask;
    }
    return -1;
  }

  #lock(): boolean {
    for (let k = 0; k < LOCK_TRIES; k++) {
      if (Atomics.compareExchange(this.#header, LOCK, 0, this.#owner) === 0) return true;
    }
    return false;
  }
}

/** Spreads both words over all bits (the finalizer of MurmurHash3). */
function hash(high: number, low: number): number {
  let h = Math.imul(high, 0x9e3779b1) ^ low;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
