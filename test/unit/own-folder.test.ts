/** Folders in /tmp that killed processes left: those of this user that are nobody's go, all others stay. */
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { makeOwnFolder, removeLeftFolders } from '../../src/control/logic/own-folder.ts';
import { ownMark } from '../../src/control/plumbing/process-mark.ts';

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** Named as one of a process that began at `start`. */
function named(start: number, end: string): string {
  const { pid, pidns } = ownMark();
  const path = join(tmpdir(), `tswitch-logic-${pid}-${start}-${pidns}-${end}`);
  made.push(path);
  return path;
}

test('what a dead process left is removed, with its content', async () => {
  const { start } = ownMark();
  const [dead, linked, file, own] = [
    named(start - 1, 'aaaaaa'),
    named(start - 1, 'bbbbbb'),
    named(start - 1, 'cccccc'),
    named(start, 'dddddd'),
  ];
  mkdirSync(dead);
  writeFileSync(join(dead, '1.mts'), '');
  mkdirSync(own);
  writeFileSync(file, '');
  symlinkSync(own, linked);
  await removeLeftFolders();
  expect([dead, linked, file, own].map((path) => existsSync(path))).toEqual([false, true, true, true]);
});

test('one that is made says whose it is', async () => {
  const path = await makeOwnFolder('logic');
  made.push(path);
  const { pid, start, pidns } = ownMark();
  expect(basename(path)).toMatch(new RegExp(`^tswitch-logic-${pid}-${start}-${pidns}-`));
  await removeLeftFolders();
  expect(existsSync(path)).toBe(true);
});
