/** Marks: what a dead daemon left that does not come back is removed, and nothing else. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ipBatch } from '../../../src/control/plumbing/ip.ts';
import { deleteNetdev, readNetdev } from '../../../src/control/plumbing/netdev.ts';
import { Owner, parseMark, removeLeftovers } from '../../../src/control/plumbing/ownership.ts';
import { isProcessAlive } from '../../../src/control/plumbing/process-mark.ts';
import { owner, PREFIX, run } from './stage.ts';

test('a mark round-trips, fits an alias, and this process is its living owner', () => {
  const text = owner.mark('p'.repeat(64));
  const mark = parseMark(text)!;
  expect(text.length).toBeLessThan(256);
  expect(mark).toMatchObject({ pid: process.pid, made: null, state: null, isStopped: false, port: 'p'.repeat(64) });
  const keeper = new Owner({ id: owner.id, stateFile: '/var/lib/tswitch/state.db' });
  const whole = keeper.mark('p'.repeat(64), { made: '01234567', isStopped: true });
  expect(whole.length).toBeLessThan(256);
  const state = expect.stringMatching(/^[0-9a-f]{8}$/) as unknown;
  expect(parseMark(whole)).toEqual({ ...mark, made: '01234567', state, isStopped: true });
  expect(isProcessAlive(mark)).toBe(true);
  expect(isProcessAlive({ ...mark, start: mark.start + 1 })).toBe(false);
  expect(isProcessAlive({ ...mark, pid: 4_194_305 })).toBe(false);
  expect(isProcessAlive({ ...mark, pid: 4_194_305, pidns: mark.pidns + 1 })).toBe(true);
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
    expect(isProcessAlive(mark)).toBe(false);
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

test('removes what a dead owner left that cannot come back for it, and nothing else', async () => {
  const mark = owner.mark('red');
  const names = ['dead', 'live', 'away', 'none', 'mine', 'kept', 'next', 'late'].map((name) => `${PREFIX}-${name}`);
  const died = (text: string): string => text.replace(/start=\d+/, 'start=1');
  const caller = new Owner({ stateFile: '/lab/state.db' });
  const aliases = [
    died(mark),
    mark,
    mark.replace(/pidns=\d+/, 'pidns=1'),
    'tswitch of mine',
    ...['old', 'wished'].map((port) => died(caller.mark(port, { isStopped: true }))),
    // Of a daemon with other state, and of one whose state was in the place of the caller's.
    died(new Owner({ stateFile: '/other/state.db' }).mark('red')),
    died(new Owner({ stateFile: '/lab/state.db' }).mark('red')),
  ];
  try {
    for (const [index, name] of names.entries()) {
      await ipBatch(null, [
        ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${PREFIX}-p${index}`],
        ['link', 'set', 'dev', name, 'alias', aliases[index]!],
      ]);
    }
    const keeps = (netdev: string, { port }: { port: string }): boolean => port === 'wished' && netdev === names[5];
    const { removed, awaited } = await removeLeftovers(caller, keeps);
    expect(removed.filter((name) => names.includes(name))).toEqual([names[0], names[4], names[7]]);
    expect(awaited.filter((name) => names.includes(name))).toEqual([names[6]]);
    const stay = [false, true, true, true, false, true, true, false];
    expect(names.map((name) => readNetdev(null, name) !== null)).toEqual(stay);
  } finally {
    for (const name of names) await deleteNetdev(name);
  }
});
