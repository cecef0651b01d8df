/** Whose netdev is whose: what tswitch made is found again, what it did not make is left alone, and no netdev is used twice. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SwitchControl } from '../../src/control/model.ts';
import { readNetdev } from '../../src/control/plumbing/netdev.ts';
import { frame, mac } from '../support/frames.ts';
import { ip, Lab, until } from '../support/lab.ts';

const lab = new Lab();
let lan: SwitchControl;
beforeEach(async () => {
  lan = await lab.switch();
});
afterEach(() => lab.close());

test('a stranger that took the name of a lost port is not deleted with it', async () => {
  const a = await lab.netns('a');
  const { netdev } = await lab.plug(lan, a, 'veth');
  await ip('link', 'del', netdev!);
  await until('the port to be lost', () => lan.port(a.name).state === 'lost');
  await ip('link', 'add', netdev!, 'type', 'veth', 'peer', 'name', lab.netdevName());
  lab.defer(() => ip('link', 'del', netdev!));
  await lan.removePort(a.name);
  expect(readNetdev(null, netdev!)).not.toBeNull();
});

test('an end that was renamed is deleted with its port', async () => {
  const a = await lab.netns('a');
  const { netdev } = await lab.plug(lan, a, 'veth');
  const renamed = lab.netdevName();
  await ip('link', 'set', netdev!, 'name', renamed);
  await lan.removePort(a.name);
  expect(readNetdev(null, renamed)).toBeNull();
});

test('a netdev is one port of one switch', async () => {
  const a = await lab.netns('a');
  const { netdev: own } = await lab.plug(lan, a, 'veth');
  const [netdev] = await lab.vethPair();
  await lan.addPort({ name: 'p1', kind: 'packet', netdev });
  await expect(lan.addPort({ name: 'p2', kind: 'packet', netdev })).rejects.toMatchObject({ code: 'NETDEV_BUSY' });
  await expect(lan.addPort({ name: 'p3', kind: 'packet', netdev: own })).rejects.toMatchObject({ code: 'NETDEV_BUSY' });
  const other = await lab.switch();
  await expect(other.addPort({ name: 'p4', kind: 'packet', netdev: own })).rejects.toMatchObject({
    code: 'NETDEV_BUSY',
  });
  await expect(lan.addPort({ name: 'p5', kind: 'packet', netdev: 'lo' })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
  expect(lan.ports().map(({ name }) => name)).toEqual([a.name, 'p1']);
});

test('a netdev that leaves for another namespace is lost, heard there, and ours again when it comes back', async () => {
  const a = await lab.netns('a');
  const b = await lab.netns('b');
  const { netdev } = await lab.plug(lan, a, 'packet', { addresses: ['10.55.0.1/24'] });
  await ip('link', 'set', netdev!, 'netns', b.name);
  await until('the port to be lost', () => lan.port(a.name).state === 'lost');
  await b.run('ip', 'address', 'add', '10.55.0.2/24', 'dev', netdev!);
  await b.run('ip', 'link', 'set', netdev!, 'up');
  await until('the namespace to hear its netdev', () => a.pings('10.55.0.2'));
  await b.run('ip', 'link', 'set', netdev!, 'netns', String(process.pid));
  await until('the port to be back', () => lan.port(a.name).state === 'down');
  await ip('link', 'set', netdev!, 'up');
  await until('the port to work', () => lan.port(a.name).state === 'up');
  await a.connected();
  const before = lan.port(a.name).stats.rx.frames;
  a.wire().send(frame({ src: mac(1) }));
  await until('a frame to be taken', () => lan.port(a.name).stats.rx.frames > before);
});

test('a netdev that filters by address is asked for all of them', async () => {
  const [netdev] = await lab.vethPair();
  const promiscuity = async (): Promise<unknown> => {
    const [link] = JSON.parse(await ip('-json', '-details', 'link', 'show', netdev)) as { promiscuity: number }[];
    return link?.promiscuity;
  };
  expect(await promiscuity()).toBe(0);
  await lan.addPort({ name: 'p', kind: 'packet', netdev });
  expect(await promiscuity()).toBeGreaterThan(0);
  await lan.removePort('p');
  expect(await promiscuity()).toBe(0);
});
