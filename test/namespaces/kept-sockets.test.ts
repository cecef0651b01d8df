/** What a killed daemon had open goes on in its next life: rings with what waits in them. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PortView } from '../../src/control/model.ts';
import { readNetdev } from '../../src/control/plumbing/netdev.ts';
import { frame, mac } from '../support/frames.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, Lab, runProgram, sleep, until } from '../support/lab.ts';
import type { Wire } from '../support/wire.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const KILLS = IS_LONG ? 40 : 4;
const FRAMES_PER_KILL = 400;
/** Two rings, and two that send. */
const SOCKETS_PER_PORT = 4;
const NUMBER_AT = 20;

const lab = new Lab();
let daemon: Daemon;
let a: Host;
let b: Host;
const ifindexes = new Map<Host, number>();
let from: Wire;
let to: Wire;

interface Keeper {
  pid: number;
}
const recordFile = (): string => `${daemon.state}.sockets`;
const keeper = (): Keeper => JSON.parse(readFileSync(recordFile(), 'utf8')) as Keeper;
const runs = (pid: number): boolean => existsSync(`/proc/${pid}`);
/** Packet sockets that a port has open (/proc/net/packet). */
const sockets = (port: Host): number => {
  const index = String(ifindexes.get(port));
  const lines = readFileSync('/proc/net/packet', 'utf8').trim().split('\n').slice(1);
  return lines.filter((line) => line.trim().split(/\s+/)[4] === index).length;
};
/** The numbers of those that came; 0 is for finding out whether the way is open. */
const packets = (wire: Wire): number[] =>
  wire
    .captured()
    .map(({ frame: bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(NUMBER_AT))
    .filter((n) => n > 0);

/** A frame from a to b with a number in it. */
function numbered(n: number): Uint8Array {
  const bytes = frame({ src: mac(1), dst: mac(2), payload: 50 });
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(NUMBER_AT, n);
  return bytes;
}

beforeEach(async () => {
  [a, b] = [await lab.netns('a'), await lab.netns('b')];
  daemon = new Daemon(lab);
  await daemon.start();
  const ports = [a, b].map(({ name }) => ({ name, kind: 'veth', netns: name }));
  const { status, text } = await daemon.api.send('PUT', '/v1/config', JSON.stringify({ ports }));
  expect(status, text).toBe(200);
  for (const port of [a, b]) {
    const { body } = await daemon.api.get<PortView>(`/v1/ports/${port.name}`);
    ifindexes.set(port, readNetdev(null, body.netdev!)!.index);
  }
  [from, to] = [a.wire(), b.wire()];
  to.send(frame({ src: mac(2), dst: mac(1) }));
  await until('the way to be open', () => {
    from.send(numbered(0));
    return to.captured().length > 0;
  });
});
afterEach(() => lab.close());

test('frames that come while no daemon runs are forwarded by the next one, in order, none twice', async () => {
  for (let kill = 0; kill < 2; kill++) {
    await daemon.kill();
    const sent = Array.from({ length: 100 }, (_, k) => 1 + kill * 100 + k);
    for (const n of sent) from.send(numbered(n));
    await sleep(50);
    expect(packets(to)).toEqual([]);
    await daemon.start();
    await until('all of them', () => packets(to).length >= sent.length);
    await sleep(50);
    expect(packets(to)).toEqual(sent);
    to.clear();
  }
});

test(
  `killed ${KILLS} times in the middle of frames: none twice, all in order`,
  { timeout: 60_000 + KILLS * 10_000 },
  async () => {
    let n = 0;
    let lost = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const first = n + 1;
      let isOver = false;
      const traffic = (async () => {
        while (!isOver) {
          for (let k = 0; k < 20; k++) from.send(numbered(++n));
          await sleep(5);
        }
      })();
      await until('traffic', () => packets(to).length > FRAMES_PER_KILL / 2);
      await daemon.kill();
      await daemon.start();
      isOver = true;
      await traffic;
      await until('the last frame', () => packets(to).at(-1) === n);
      const received = packets(to);
      expect(received).toEqual(received.toSorted((one, other) => one - other));
      expect(new Set(received).size).toBe(received.length);
      lost += n - first + 1 - received.length;
      to.clear();
    }
    console.log(`${n} frames, ${KILLS} times killed: ${lost} lost`);
  },
);

test('without its keeper, the sockets are opened anew', async () => {
  const { pid } = keeper();
  expect(runs(pid)).toBe(true);
  process.kill(-pid, 'SIGKILL');
  await until('the keeper to end', () => !runs(pid));
  await daemon.kill();
  await daemon.start();
  from.send(numbered(1));
  await until('the frame', () => packets(to).length === 1);
  expect(keeper().pid).not.toBe(pid);
});

test('in a record that is none, or of a process that is another, nothing is found, and all is opened anew', async () => {
  const { pid } = keeper();
  for (const record of ['{', '{}', JSON.stringify({ ...keeper(), pid: process.pid })]) {
    await daemon.kill();
    await runProgram('sh', ['-c', 'printf %s "$1" > "$2"', 'sh', record, recordFile()]);
    await daemon.start();
    from.send(numbered(1));
    await until('the frame', () => packets(to).length === 1);
    to.clear();
  }
  process.kill(-pid, 'SIGKILL');
});

test('an end in order leaves no keeper, no record and no socket', async () => {
  const { pid } = keeper();
  expect(sockets(a)).toBe(SOCKETS_PER_PORT);
  await daemon.stop();
  await until('the keeper to end', () => !runs(pid));
  expect([existsSync(recordFile()), sockets(a), sockets(b)]).toEqual([false, 0, 0]);
});

test('the sockets of a port that is removed are closed while the daemon runs; those of the others go on', async () => {
  const { status } = await daemon.api.send('DELETE', `/v1/ports/${b.name}`);
  expect([status, sockets(a), sockets(b)]).toEqual([204, SOCKETS_PER_PORT, 0]);
  await daemon.kill();
  expect(sockets(a)).toBe(SOCKETS_PER_PORT);
  await daemon.start();
  expect(sockets(a)).toBe(SOCKETS_PER_PORT);
});

test(
  'a daemon that never comes back: its keeper ends by itself, and the sockets with it',
  { timeout: 120_000 },
  async (context) => {
    if (!IS_LONG) context.skip('it takes half a minute: npm run test:long');
    const { pid } = keeper();
    await daemon.kill();
    expect([runs(pid), sockets(a)]).toEqual([true, SOCKETS_PER_PORT]);
    await expect.poll(() => runs(pid), { timeout: 60_000 }).toBe(false);
    await expect.poll(() => sockets(a) + sockets(b), { timeout: 20_000 }).toBe(0);
  },
);
