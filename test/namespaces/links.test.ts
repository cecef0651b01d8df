/** What happens under a port: its link goes down and up, its netdev or its namespace vanishes. */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PortKind, SwitchControl } from '../../src/control/model.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, type Host, ip, Lab, until } from '../support/lab.ts';
import { Burst, RawSocket } from '../support/raw-socket.ts';

const lab = new Lab();
let lan: SwitchControl;
beforeEach(async () => {
  lan = await lab.switch();
});
afterEach(() => lab.close());

const state = (host: Host): string => lan.port(host.name).state;
const known = async (host: Host): Promise<number> => (await lan.fdb({ port: host.name }, { limit: 10 })).total;

test.each<PortKind>(['veth', 'tap', 'packet'])('%s: the far end goes down, and up again', async (kind) => {
  const a = await lab.netns('a');
  const b = await lab.netns('b');
  await lab.plug(lan, a, kind, { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'] });
  expect(await b.pings('10.55.0.1')).toBe(true);
  expect(await known(a)).toBeGreaterThan(0);
  await a.run('ip', 'link', 'set', 'eth0', 'down');
  await until('the port to be down', () => state(a) === 'down');
  await until('its addresses to be forgotten', async () => (await known(a)) === 0);
  expect(await known(b)).toBeGreaterThan(0);
  expect(await b.pingsInVain('10.55.0.1')).toBe(true);
  await a.run('ip', 'link', 'set', 'eth0', 'up');
  await until('the port to be up', () => state(a) === 'up');
  expect(await b.pings('10.55.0.1')).toBe(true);
  await expectBalance(lan);
});

test('admin down and up', async () => {
  const a = await lab.netns('a');
  const b = await lab.netns('b');
  await lab.plug(lan, a, 'veth', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'tap', { addresses: ['10.55.0.2/24'] });
  expect(await a.pings('10.55.0.2')).toBe(true);
  expect(await lan.patchPort(a.name, { admin: 'down' })).toMatchObject({ admin: 'down', state: 'down' });
  expect(await known(a)).toBe(0);
  expect(await a.pingsInVain('10.55.0.2')).toBe(true);
  expect(await lan.patchPort(a.name, { admin: 'up' })).toMatchObject({ admin: 'up', state: 'up' });
  expect(await a.pings('10.55.0.2')).toBe(true);
});

test('a netdev that is down can be attached', async () => {
  const [netdev, peer] = await lab.vethPair();
  await ip('link', 'set', peer, 'down');
  expect(await lan.addPort({ name: 'late', kind: 'packet', netdev })).toMatchObject({ state: 'down' });
  await ip('link', 'set', peer, 'up');
  await until('the port to be up', () => lan.port('late').state === 'up');
});

test.each<[string, PortKind]>([
  ['the own end is deleted', 'veth'],
  ['the far end is deleted', 'veth'],
  ['the far end is deleted', 'tap'],
  ['the far end is deleted', 'packet'],
  ['the namespace is deleted', 'veth'],
  ['the namespace is deleted', 'tap'],
  ['the namespace is deleted', 'packet'],
])('%s (%s): lost, the others go on, and it can be removed and made anew', async (what, kind) => {
  const a = await lab.netns('a');
  const b = await lab.netns('b');
  const c = await lab.netns('c');
  // The same address again later, so that no neighbour has to find out.
  const settings = { addresses: ['10.55.0.1/24'], mac: '02:11:22:33:44:55' };
  const { netdev } = await lab.plug(lan, a, kind, settings);
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'] });
  await lab.plug(lan, c, 'tap', { addresses: ['10.55.0.3/24'] });
  expect(await b.pings('10.55.0.1')).toBe(true);
  if (what === 'the own end is deleted') await ip('link', 'del', netdev!);
  else if (what === 'the far end is deleted') await a.run('ip', 'link', 'del', 'eth0');
  else a.release();
  if (what === 'the namespace is deleted') await ip('netns', 'del', a.name);
  await until('the port to be lost', () => state(a) === 'lost');
  await until('its addresses to be forgotten', async () => (await known(a)) === 0);
  expect(await b.pings('10.55.0.3')).toBe(true);
  await lan.removePort(a.name);
  if (what === 'the namespace is deleted') await ip('netns', 'add', a.name);
  expect(await lan.addPort({ ...settings, name: a.name, kind: 'veth', netns: a.name })).toMatchObject({
    state: 'up',
  });
  expect(await b.pings('10.55.0.1')).toBe(true);
  await expectBalance(lan);
});

test('removing only the name of a namespace that is alive is no loss', async () => {
  const a = await lab.netns('a');
  const b = await lab.netns('b');
  await lab.plug(lan, a, 'veth', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'tap', { addresses: ['10.55.0.2/24'] });
  // A process in it keeps the namespace alive, without a name.
  const ping = a.start('ping', '-i', '0.01', '10.55.0.2');
  let answers = 0;
  ping.stdout?.on('data', () => answers++);
  await until('the first answers', () => answers > 3);
  a.release();
  await ip('netns', 'del', a.name);
  const before = answers;
  await until('more answers', () => answers > before + 30);
  expect(state(a)).toBe('up');
});

test('addresses are forgotten when a link goes down, however shortly', async () => {
  const a = await lab.netns('a', { ipv6: false });
  const b = await lab.netns('b', { ipv6: false });
  const { netdev } = await lab.plug(lan, a, 'packet', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'] });
  expect(await b.pings('10.55.0.1')).toBe(true);
  expect(await known(a)).toBe(1);
  const flap = Array.from({ length: 5 }, () => [`link set ${netdev} down`, `link set ${netdev} up`]).flat();
  const file = join(tmpdir(), `tswt-${process.pid}-flap`);
  lab.defer(() => rmSync(file, { force: true }));
  writeFileSync(file, `${flap.join('\n')}\n`);
  await ip('-batch', file);
  await until('its addresses to be forgotten', async () => (await known(a)) === 0);
  expect(await known(b)).toBe(1);
  await until('the port to be up', () => state(a) === 'up');
  expect(await b.pings('10.55.0.1')).toBe(true);
});

test('frames that a TAP had no room for are counted', async () => {
  const a = await lab.netns('a');
  await lab.plug(lan, a, 'tap', { addresses: ['10.55.0.1/24'] });
  expect(lan.port(a.name).stats.rx.drops).toBe(0);
  // A queue of one place overflows at once.
  await a.run('ip', 'link', 'set', 'eth0', 'txqueuelen', '1');
  const socket = a.inside(() => RawSocket.open('eth0', { protocol: 0, bypassQdisc: true }));
  lab.defer(() => socket.close());
  const burst = new Burst(100, 60);
  for (let k = 0; k < burst.count; k++) burst.bytes.set(frame({ src: mac(1) }), k * burst.stride);
  await until('a drop', () => {
    burst.send(socket, burst.count);
    return lan.port(a.name).stats.rx.drops > 0;
  });
  expect(lan.stats().drops).toHaveProperty('RING_OVERFLOW');
});
