/** What a daemon's next life makes of the end of the one before: which logics are held back, and for how long. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SILENT } from '../../src/control/log.ts';
import { type AskedLogic, MARK_BYTES, RunRecord } from '../../src/control/logic/run-record.ts';

const ONE: AskedLogic & { id: number } = {
  id: 1,
  name: 'one',
  file: '/one.ts',
  sha256: '11',
  params: { a: 1 },
  shadow: false,
};
const TWO = { ...ONE, id: 2, name: 'two', file: '/two.ts', sha256: '22' };

let folder: string;
let path: string;
let lives: RunRecord[];
const fds = new Map<RunRecord, number>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tswitch-record-'));
  path = join(folder, 'state.db.logics');
  lives = [];
});
afterEach(() => {
  for (const life of lives) life.close();
  rmSync(folder, { recursive: true });
});

function begin(boot = 'this'): RunRecord {
  const life = new RunRecord(path, { workers: 2, boot, log: SILENT });
  life.onMarks = (fd) => fds.set(life, fd);
  lives.push(life);
  return life;
}

/** What a worker does when it enters a logic. */
function enter(life: RunRecord, worker: number, id: number): void {
  writeSync(fds.get(life)!, new Uint8Array(new Int32Array([id]).buffer), 0, 4, worker * MARK_BYTES);
}

const heldBy = (life: RunRecord): string[] => [ONE, TWO].filter((each) => life.whyHeld(each)).map(({ name }) => name);

test('who was in it when the daemon died is held back, until somebody asks for it', () => {
  const first = begin();
  first.asks([ONE, TWO]);
  enter(first, 1, TWO.id);
  expect(heldBy(begin())).toEqual(['two']);
  const third = begin();
  expect(third.whyHeld(TWO)).toMatch(/^the daemon that started at .* died while this logic ran/);
  // As another file, or with other parameters, it is another one.
  expect(third.whyHeld({ ...TWO, sha256: '33' })).toBeNull();
  expect(third.whyHeld({ ...TWO, params: {} })).toBeNull();
  third.unloaded('two', true);
  third.loaded({ ...TWO, shadow: true, params: {} });
  expect(heldBy(third)).toEqual(['two']);
  third.loaded({ ...TWO, sha256: '33' });
  expect(heldBy(third)).toEqual([]);
  expect(heldBy(begin())).toEqual([]);
});

test('so is who was being checked, whatever its name is', () => {
  begin().checks({ ...TWO, name: '' });
  const first = begin();
  expect(heldBy(first)).toEqual(['two']);
  first.loaded(TWO);
  expect(heldBy(first)).toEqual([]);
  begin().checks(ONE);
  const second = begin();
  expect(heldBy(second)).toEqual(['one']);
  second.checks(TWO);
  second.checks(null);
  expect(heldBy(begin())).toEqual(['one']);
});

test('whoever was left again, or ended in order, or with the machine, is not', () => {
  const first = begin();
  first.asks([ONE]);
  enter(first, 0, ONE.id);
  enter(first, 0, 0);
  const second = begin();
  expect(heldBy(second)).toEqual([]);
  second.asks([ONE]);
  enter(second, 0, ONE.id);
  second.close();
  lives.pop();
  const third = begin();
  expect(heldBy(third)).toEqual([]);
  third.asks([ONE]);
  enter(third, 0, ONE.id);
  expect(heldBy(begin('another'))).toEqual([]);
});

test('after two early ends with the same logics, all of them are held back', () => {
  begin().asks([ONE]);
  begin().asks([TWO]);
  begin().asks([TWO]);
  const fourth = begin();
  expect(heldBy(fourth)).toEqual(['two']);
  expect(fourth.whyHeld(TWO)).toMatch(/^the daemon died 2 times within a minute of its start/);
  // Without them it counts anew.
  begin();
  begin().asks([ONE]);
  expect(heldBy(begin())).toEqual(['two']);
});

test('nothing is left behind, and what cannot be read is no hindrance', () => {
  const marks = (): string[] => readdirSync('/dev/shm').filter((name) => name === markOf());
  const markOf = (): string =>
    (JSON.parse(readFileSync(path, 'utf8')) as { run: { marks: string } }).run.marks.split('/').at(-1)!;
  const first = begin();
  expect(readdirSync(folder)).toEqual([]);
  first.asks([ONE]);
  const mark = markOf();
  expect(marks()).toHaveLength(1);
  writeFileSync(path, 'this is no JSON');
  const second = begin();
  expect(heldBy(second)).toEqual([]);
  second.asks([ONE]);
  for (const life of [first, second]) life.close();
  lives = [];
  expect(readdirSync('/dev/shm')).not.toContain(mark);
});
