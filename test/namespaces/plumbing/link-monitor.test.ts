/** The link monitor follows real netdevs. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { IFF_LOWER_UP, IFF_UP } from '../../../native-bindings/abi/ioctl.ts';
import { ipBatch } from '../../../src/control/plumbing/ip.ts';
import { LinkMonitor } from '../../../src/control/plumbing/link-monitor.ts';
import type { LinkEvent } from '../../../src/control/plumbing/link-monitor.ts';
import { createVethPair, deleteNetdev, readNetdev } from '../../../src/control/plumbing/netdev.ts';
import { homeInode } from '../../../src/control/plumbing/netns.ts';
import type { Netns } from '../../../src/control/plumbing/netns.ts';
import { until } from '../../support/lab.ts';
import { OWN, PREFIX, pair, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => deleteNetdev(OWN));

afterAll(() => stage?.close());

let monitor: LinkMonitor;
let events: LinkEvent[];
/** Whether its sockets are readable is not asked here, but looked at from time to time. */
let reader: NodeJS.Timeout;
const last = () => events.at(-1);
const isUp = () => ((last()?.flags ?? 0) & (IFF_UP | IFF_LOWER_UP)) === (IFF_UP | IFF_LOWER_UP);

function watch(netns: Netns | null, ifindex: number): () => void {
  events = [];
  monitor = new LinkMonitor(() => {});
  reader = setInterval(() => monitor.read(), 10);
  return monitor.watch(netns, ifindex, (event) => events.push(event));
}

afterEach(() => {
  clearInterval(reader);
  monitor.close();
});

test.each([
  ['the own end', () => null, OWN],
  ['the far end', () => stage.red, 'eth0'],
])('%s: present state, changes, carrier, end', async (_, where, name) => {
  const netns = where();
  await createVethPair(pair(stage.red));
  const ifindex = readNetdev(netns, name)!.index;
  const unwatch = watch(netns, ifindex);
  await until('the present state', isUp);
  expect(last()).toMatchObject({ netnsInode: netns?.inode ?? homeInode, ifindex, gone: false });
  await ipBatch(netns, [['link', 'set', 'dev', name, 'down']]);
  await until('down', () => (last()!.flags & IFF_UP) === 0);
  await ipBatch(netns, [['link', 'set', 'dev', name, 'up']]);
  await until('up again', isUp);
  await ipBatch(netns ? null : stage.red, [['link', 'set', 'dev', netns ? OWN : 'eth0', 'down']]);
  await until('no carrier', () => (last()!.flags & (IFF_UP | IFF_LOWER_UP)) === IFF_UP);
  await deleteNetdev(OWN);
  await until('gone', () => last()!.gone);
  expect(last()).toEqual({ netnsInode: netns?.inode ?? homeInode, ifindex, flags: 0, gone: true });
  const told = events.length;
  unwatch();
  unwatch();
  await createVethPair(pair(stage.red));
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(events.length).toBe(told);
});

test('a netdev that was gone before the watch', async () => {
  watch(null, 0x7fff_0000);
  await until('gone', () => last()?.gone === true);
  expect(events.length).toBe(1);
});

test('leaving a bridge is not the end', async () => {
  const bridge = `${PREFIX}-br`;
  await createVethPair(pair(stage.red));
  const ifindex = readNetdev(stage.red, 'eth0')!.index;
  watch(stage.red, ifindex);
  await ipBatch(stage.red, [
    ['link', 'add', 'name', bridge, 'type', 'bridge'],
    ['link', 'set', 'dev', 'eth0', 'master', bridge],
    ['link', 'set', 'dev', 'eth0', 'nomaster'],
    ['link', 'del', 'dev', bridge],
  ]);
  await new Promise((resolve) => setTimeout(resolve, 120));
  await until('the present state', isUp);
  expect(events.map(({ gone }) => gone)).not.toContain(true);
});

test('finds the last state after more announcements than its socket can hold', async () => {
  await createVethPair(pair(stage.red));
  const ifindex = readNetdev(null, OWN)!.index;
  watch(null, ifindex);
  await until('the present state', isUp);
  const flaps = Array.from({ length: 1000 }, (_, turn) => `link set dev ${OWN} ${turn % 2 === 0 ? 'down' : 'up'}\n`);
  // The event loop stands still meanwhile, so that nothing is read.
  execFileSync('ip', ['-batch', '-'], { input: `${flaps.join('')}link set dev ${OWN} down\n` });
  await until('down', () => (last()!.flags & IFF_UP) === 0);
  // Had all announcements been read, there would be one event for each change.
  expect(events.length).toBeLessThan(1000);
  await deleteNetdev(OWN);
  await until('gone', () => last()!.gone);
});
