/** Kept state: what was saved is found again, and where a file is damaged, the other one's is, and everybody is told. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SETTINGS_DEFAULT } from '../../src/control/settings.ts';
import type { Kept } from '../../src/control/store/kept.ts';
import { MIGRATIONS, type Migration } from '../../src/control/store/migrations.ts';
import { Store } from '../../src/control/store/store.ts';
import { linesLog } from '../support/lines-log.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
/** Of a file's bytes, one in so many is damaged in turn. */
const STEP = IS_LONG ? 1 : 10;
/** In memory where that is: each of thousands of copies of the state would else wait for the disk several times. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let folder: string;
let path: string;
let log: string[];
beforeEach(() => {
  folder = mkdtempSync(join(PLACE, 'tswitch-store-'));
  path = join(folder, 'state.db');
  log = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (at = path, migrations?: readonly Migration[]): Store =>
  Store.open(at, { log: linesLog(log), ...(migrations ? { migrations } : {}) });
const secondOf = (at: string): string => `${at}.last-good`;
const asideIn = (place: string): string[] => readdirSync(place).filter((name) => name.includes('.damaged-'));

function state(generation: number): Kept {
  return {
    instance: 'c0ffee00',
    generation,
    time: '2026-01-31T12:00:00.000Z',
    boot: 'b',
    wish: { switch: { ...SETTINGS_DEFAULT, ageingSeconds: 10 + generation }, ports: [], fdb: [] },
    pending: null,
    namespaces: [['red', { spec: 'red', inode: 1, process: null }]],
  };
}

/** A store with three generations; with `isCrashed`, as a daemon leaves it that was killed. */
function makeSample(at: string, isCrashed: boolean): void {
  const store = open(at);
  for (const generation of [1, 2, 3]) store.save(state(generation));
  if (!isCrashed) {
    store.close();
    return;
  }
  const copy = `${folder}-crashed`;
  cpSync(folder, copy, { recursive: true });
  store.close();
  rmSync(folder, { recursive: true });
  cpSync(copy, folder, { recursive: true });
  rmSync(copy, { recursive: true });
}

test('a new store holds nothing; what was saved is there again, and nobody but its owner may read it', () => {
  const store = open();
  expect(store.kept).toBe(null);
  store.save(state(1));
  store.save(state(2));
  store.close();
  const again = open();
  expect(again.kept).toEqual(state(2));
  expect(again.notices).toEqual([]);
  again.close();
  for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  expect(log).toEqual([]);
});

test('one daemon has it at a time', () => {
  const store = open();
  expect(() => open()).toThrow(
    expect.objectContaining({ code: 'STATE_FAILED', message: expect.stringContaining('another daemon') }),
  );
  store.close();
  open().close();
});

test('the next generation is whole or not there, however the daemon ends', () => {
  makeSample(path, true);
  expect(readdirSync(folder)).toContain('state.db-wal');
  const store = open();
  expect(store.kept).toEqual(state(3));
  expect(store.notices).toEqual([]);
  store.close();
});

describe('damage', { timeout: IS_LONG ? 1_800_000 : 180_000 }, () => {
  /** Opens a damaged copy of the sample; expects the last state, and that damage which mattered was told and set aside. */
  function expectLastGood(place: string): void {
    const store = open(join(place, 'state.db'));
    expect(store.kept).toEqual(state(3));
    expect(store.notices.length > 0).toBe(asideIn(place).length > 0);
    store.save(state(4));
    store.close();
    const again = open(join(place, 'state.db'));
    expect(again.kept).toEqual(state(4));
    expect(again.notices).toEqual([]);
    again.close();
  }

  function onCopies(file: string, damage: (at: string, byte: number) => void, check: (place: string) => void): void {
    const bytes = statSync(join(folder, file)).size;
    expect(bytes).toBeGreaterThan(0);
    const place = `${folder}-copy`;
    let copies = 0;
    for (let byte = 0; byte < bytes; byte += STEP, copies++) {
      rmSync(place, { recursive: true, force: true });
      cpSync(folder, place, { recursive: true });
      damage(join(place, file), byte);
      try {
        check(place);
      } catch (error) {
        throw new Error(`${file}, byte ${byte}`, { cause: error });
      }
    }
    rmSync(place, { recursive: true });
    console.log(`${file}: ${copies} of ${bytes} bytes damaged in turn`);
  }

  function flip(at: string, byte: number): void {
    const content = readFileSync(at);
    content[byte]! ^= IS_LONG && byte % 2 === 0 ? 0xff : 1 << (byte % 8);
    writeFileSync(at, content);
  }

  test.each(['state.db', 'state.db.last-good'])('%s flipped at any byte: the last state is used', (file) => {
    makeSample(path, false);
    onCopies(file, flip, expectLastGood);
  });

  test('the log of a daemon that was killed flipped at any byte: the last state is used', () => {
    makeSample(path, true);
    onCopies('state.db-wal', flip, expectLastGood);
  });

  test.each(['state.db', 'state.db.last-good'])('%s cut off at any byte: the last state is used', (file) => {
    makeSample(path, false);
    onCopies(file, truncateSync, expectLastGood);
  });

  test('the log of a daemon that was killed cut off at any byte: the last state is used', () => {
    makeSample(path, true);
    onCopies('state.db-wal', truncateSync, expectLastGood);
  });

  test('with one file only, damage gives a state that was, or no start at all: never an empty switch', () => {
    makeSample(path, false);
    rmSync(secondOf(path));
    onCopies('state.db', flip, (place) => {
      const before = readFileSync(join(place, 'state.db'));
      try {
        const store = open(join(place, 'state.db'));
        expect([2, 3]).toContain(store.kept?.generation);
        expect(store.kept).toEqual(state(store.kept!.generation));
        store.close();
      } catch (error) {
        expect(error).toMatchObject({ code: 'STATE_FAILED' });
        expect(readFileSync(join(place, 'state.db'))).toEqual(before);
        expect(asideIn(place)).toEqual([]);
      }
    });
  });

  test('where both files are damaged, it does not start, says what to do, and touches nothing', () => {
    makeSample(path, false);
    for (const file of [path, secondOf(path)]) writeFileSync(file, 'not what it was');
    const why = {
      code: 'STATE_FAILED',
      message: expect.stringMatching(/damaged.*put a back-up in its place, or move .* away/),
    };
    for (let k = 0; k < 2; k++) expect(() => open()).toThrow(expect.objectContaining(why));
    expect(asideIn(folder)).toEqual([]);
  });

  test('while it runs: the database is replaced, and the change is kept', () => {
    const store = open();
    store.save(state(1));
    const other = new DatabaseSync(':memory:');
    other.close();
    writeFileSync(path, Buffer.alloc(statSync(path).size, 0x55));
    // A page that is cached is not read again, so it may take some changes until somebody notices.
    for (const generation of [2, 3, 4]) store.save(state(generation));
    store.close();
    const again = open();
    expect(again.kept).toEqual(state(4));
    again.close();
  });
});

describe('versions', () => {
  const renamed: Migration = {
    tables: 'ALTER TABLE generation ADD COLUMN note TEXT',
    upgrade: (document) => {
      const kept = document as Kept;
      return { ...kept, wish: { ...kept.wish, switch: { ...kept.wish.switch, fdbLimit: 7 } } };
    },
  };
  const later = [...MIGRATIONS, renamed];

  test('an earlier one is brought to the present one', () => {
    makeSample(path, false);
    const store = open(path, later);
    expect(store.kept?.wish.switch).toEqual({ ...SETTINGS_DEFAULT, ageingSeconds: 13, fdbLimit: 7 });
    store.save(store.kept!);
    store.close();
    const database = new DatabaseSync(path);
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: later.length });
    database.close();
    open(path, later).close();
  });

  test('a later one is refused with words, and left as it is', () => {
    const store = open(path, later);
    store.save(state(1));
    store.close();
    for (const missing of [null, secondOf(path)]) {
      if (missing !== null) rmSync(missing);
      const why = {
        code: 'STATE_FAILED',
        message: expect.stringContaining('written by a later version of tswitch (schema 2, this one knows 1)'),
      };
      expect(() => open()).toThrow(expect.objectContaining(why));
      expect(asideIn(folder)).toEqual([]);
    }
    open(path, later).close();
  });
});

describe('what cannot be a state', () => {
  const refused = (at: string): string => {
    try {
      open(at).close();
    } catch (error) {
      return String(error);
    }
    return 'opened';
  };

  test('says why and what to do', () => {
    expect(refused(folder)).toContain('is no file: give another --state FILE');
    expect(refused(join(folder, 'none', 'none', 'state.db'))).toContain('in a folder that is there, or --ephemeral');
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    expect(refused(path)).toContain('can be written by other users: chmod 600 it');
    expect(existsSync(secondOf(path))).toBe(false);
  });
});
