/** Marks: what a dead daemon left is removed, and nothing else. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ipBatch } from '../../../src/control/plumbing/ip.ts';
import { deleteNetdev, readNetdev } from '../../../src/control/plumbing/netdev.ts';
import { isOwnerAlive, Owner, parseMark, removeLeftovers } from '../../../src/control/plumbing/ownership.ts';
import { owner, PREFIX, run } from './stage.ts';

test('a mark round-trips, fits an alias, and this process is its living owner', () => {
  const text = owner.mark('p'.repeat(64));
  const mark = parseMark(text)!;
  expect(text.length).toBeLessThan(256);
  expect(mark).toMatchObject({ pid: process.pid, made: null, isStopped: false, port: 'p'.repeat(64) });
  const whole = owner.mark('p'.repeat(64), { made: '01234567', isStopped: true });
  expect(whole.length).toBeLessThan(256);
  expect(parseMark(whole)).toEqual({ ...mark, made: '01234567', isStopped: true });
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
    const mark = { ...parseMark(owner.mark('red'))!, pid, start: Number(fields[21]) };
    expect(isOwnerAlive(mark)).toBe(false);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('its own is what an earlier life made for the same port, and nothing of a daemon that runs', () => {
  const mark = parseMark(owner.mark('red'))!;
  expect(owner.ownMark(owner.mark('red'), 'red')).toEqual(mark);
  expect(owner.ownMark(owner.mark('red'), 'blue')).toBe(null);
  expect(new Owner().ownMark(owner.mark('red'), 'red')).toBe(null);
  // Died; was in another pid namespace, as a container's daemon is each time; runs, with a copy of our state.
  expect(owner.isOwn({ ...mark, pid: 4_194_305 })).toBe(true);
  expect(owner.isOwn({ ...mark, pid: 4_194_305, pidns: mark.pidns + 1 })).toBe(true);
  const parent = process.ppid;
  const start = Number(readFileSync(`/proc/${parent}/stat`, 'latin1').split(') ')[1]!.split(' ')[19]);
  expect(owner.isOwn({ ...mark, pid: parent, start })).toBe(false);
});

test('removes what a dead owner left, and nothing else', async () => {
  const mark = owner.mark('red');
  const names = ['dead', 'live', 'away', 'none', 'stop', 'mine', 'kept'].map((name) => `${PREFIX}-${name}`);
  const dead = mark.replace(/start=\d+/, 'start=1');
  const caller = new Owner();
  const aliases = [
    dead,
    mark,
    mark.replace(/pidns=\d+/, 'pidns=1'),
    'tswitch of mine',
    dead.replace(' port', ' stopped port'),
    ...['old', 'wished'].map((port) => caller.mark(port, { isStopped: true }).replace(/start=\d+/, 'start=1')),
  ];
  try {
    for (const [index, name] of names.entries()) {
      await ipBatch(null, [
        ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${PREFIX}-p${index}`],
        ['link', 'set', 'dev', name, 'alias', aliases[index]!],
      ]);
    }
    const removed = await removeLeftovers(caller, (netdev, { port }) => port === 'wished' && netdev === names[6]);
    expect(removed.filter((name) => names.includes(name))).toEqual([names[0], names[5]]);
    expect(names.map((name) => readNetdev(null, name) !== null)).toEqual([false, true, true, true, true, false, true]);
  } finally {
    for (const name of names) await deleteNetdev(name);
  }
});
