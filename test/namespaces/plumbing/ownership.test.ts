/** Marks: what a dead daemon left is removed, and nothing else. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { ipBatch } from '../../../src/control/plumbing/ip.ts';
import { deleteNetdev, readNetdev } from '../../../src/control/plumbing/netdev.ts';
import { isOwnerAlive, ownMark, parseMark, removeLeftovers } from '../../../src/control/plumbing/ownership.ts';
import { PREFIX, run } from './stage.ts';

test('a mark round-trips, fits an alias, and this process is its living owner', () => {
  const text = ownMark('p'.repeat(64));
  const mark = parseMark(text)!;
  expect(text.length).toBeLessThan(256);
  expect(mark).toMatchObject({ pid: process.pid, port: 'p'.repeat(64) });
  expect(isOwnerAlive(mark)).toBe(true);
  expect(isOwnerAlive({ ...mark, start: mark.start + 1 })).toBe(false);
  expect(isOwnerAlive({ ...mark, pid: 4_194_305 })).toBe(false);
  expect(isOwnerAlive({ ...mark, pid: 4_194_305, pidns: mark.pidns + 1 })).toBe(true);
  for (const alias of [null, '', 'tswitch', `${text} and more`, `x${text}`]) expect(parseMark(alias)).toBe(null);
});

test('a zombie owns nothing', async () => {
  const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))));
    const stat = () => run('cat', [`/proc/${pid}/stat`]).then(({ stdout }) => stdout.split(' '));
    let fields = await stat();
    while (fields[2] !== 'Z') fields = await stat();
    const mark = { ...parseMark(ownMark('red'))!, pid, start: Number(fields[21]) };
    expect(isOwnerAlive(mark)).toBe(false);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('removes what a dead owner left, and nothing else', async () => {
  const mark = ownMark('red');
  const names = ['dead', 'live', 'away', 'none'].map((name) => `${PREFIX}-${name}`);
  const aliases = [mark.replace(/start=\d+/, 'start=1'), mark, mark.replace(/pidns=\d+/, 'pidns=1'), 'tswitch of mine'];
  try {
    for (const [index, name] of names.entries()) {
      await ipBatch(null, [
        ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${PREFIX}-p${index}`],
        ['link', 'set', 'dev', name, 'alias', aliases[index]!],
      ]);
    }
    expect(await removeLeftovers()).toContain(names[0]);
    expect(names.map((name) => readNetdev(null, name) !== null)).toEqual([false, true, true, true]);
  } finally {
    for (const name of names) await deleteNetdev(name);
  }
});
