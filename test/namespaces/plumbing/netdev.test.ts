/** Pairs and TAPs: complete or not there at all. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { IFF_LOWER_UP, IFF_NOARP, IFF_UP } from '../../../native-bindings/abi/ioctl.ts';
import { ipJson } from '../../../src/control/plumbing/ip.ts';
import {
  createVethPair,
  deleteNetdev,
  moveTap,
  readNetdev,
  setNetdevMtu,
} from '../../../src/control/plumbing/netdev.ts';
import type { VethPair } from '../../../src/control/plumbing/netdev.ts';
import { TapSocket } from '../../../src/ports/open-tap.ts';
import { MAC, OWN, PREFIX, RED, owner, pair, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => deleteNetdev(OWN));

afterAll(() => stage?.close());

test('a veth pair is up at both ends, as asked, and the own end is silent', async () => {
  let before: number | undefined;
  await createVethPair(
    pair(stage.red, {
      mtu: 9000,
      gateway: 'fd77::fe',
      beforeUp: async (index) => {
        await Promise.resolve();
        const own = readNetdev(null, OWN)!;
        expect([own.index, own.flags & IFF_UP, readNetdev(stage.red, 'eth0')!.flags & IFF_UP]).toEqual([index, 0, 0]);
        before = index;
      },
    }),
  );
  const own = readNetdev(null, OWN)!;
  expect(own).toMatchObject({ index: before, name: OWN, mtu: 65_535, kind: 'veth', alias: owner.mark('red') });
  expect(own.flags & (IFF_UP | IFF_LOWER_UP | IFF_NOARP)).toBe(IFF_UP | IFF_LOWER_UP | IFF_NOARP);
  expect(readNetdev(stage.red, 'eth0')).toMatchObject({ name: 'eth0', mtu: 9000, mac: MAC, kind: 'veth', alias: null });
  expect(await ipJson(null, ['address', 'show', 'dev', OWN])).toMatchObject([{ addr_info: [] }]);
  const [far] = (await ipJson(stage.red, ['address', 'show', 'dev', 'eth0'])) as [
    { addr_info: Record<string, unknown>[] },
  ];
  expect(far.addr_info).toContainEqual(expect.objectContaining({ local: '10.77.0.1', prefixlen: 24 }));
  expect(far.addr_info).toContainEqual(expect.objectContaining({ local: 'fd77::1', prefixlen: 64, nodad: true }));
  expect(await ipJson(stage.red, ['-6', 'route', 'show', 'default'])).toMatchObject([
    { gateway: 'fd77::fe', dev: 'eth0' },
  ]);
  await setNetdevMtu(stage.red, 'eth0', 1400);
  expect(readNetdev(stage.red, 'eth0')!.mtu).toBe(1400);
  await deleteNetdev(OWN);
  expect([readNetdev(null, OWN), readNetdev(stage.red, 'eth0')]).toEqual([null, null]);
  await deleteNetdev(OWN);
});

test('an IPv4 gateway, and a far end in the own namespace', async () => {
  await createVethPair(pair(stage.red, { gateway: '10.77.0.254' }));
  expect(await ipJson(stage.red, ['route', 'show', 'default'])).toMatchObject([
    { gateway: '10.77.0.254', dev: 'eth0' },
  ]);
  await deleteNetdev(OWN);
  const ifname = `${PREFIX}-far`;
  await createVethPair(pair(stage.red, { netns: stage.host, ifname, addresses: [] }));
  expect(readNetdev(null, ifname)).toMatchObject({ mac: MAC, mtu: 1500 });
});

test.each<[string, Partial<VethPair>, string]>([
  ['an address that is refused', { addresses: ['10.77.0.1/24', 'ff02::1/64'] }, 'ADDRESS_REFUSED'],
  ['an address that is none', { addresses: ['10.77.0.1/64'] }, 'BAD_REQUEST'],
  ['a gateway out of reach', { gateway: '192.0.2.1' }, 'ADDRESS_REFUSED'],
  ['a MAC that is refused', { mac: '01:00:00:00:00:00' }, 'ADDRESS_REFUSED'],
  ['a name that no netdev can have', { ifname: 'sixteen-letters-' }, 'BAD_REQUEST'],
])('leaves nothing behind after %s', async (_, change, code) => {
  await expect(createVethPair(pair(stage.red, change))).rejects.toMatchObject({ code });
  expect([readNetdev(null, OWN), readNetdev(stage.red, 'eth0')]).toEqual([null, null]);
});

test('leaves nothing behind when beforeUp fails, and its error comes out', async () => {
  const failing = () => Promise.reject(new Error('not today'));
  await expect(createVethPair(pair(stage.red, { beforeUp: failing }))).rejects.toThrow('not today');
  expect([readNetdev(null, OWN), readNetdev(stage.red, 'eth0')]).toEqual([null, null]);
});

test('names that are taken are said and never touched', async () => {
  await createVethPair(pair(stage.red));
  const index = readNetdev(null, OWN)!.index;
  await expect(createVethPair(pair(stage.red, { ifname: 'eth1' }))).rejects.toMatchObject({
    code: 'NETDEV_EXISTS',
    message: expect.stringContaining(`${OWN} in the daemon's namespace`) as unknown,
  });
  await expect(createVethPair(pair(stage.red, { own: `${PREFIX}-two` }))).rejects.toMatchObject({
    code: 'NETDEV_EXISTS',
    message: expect.stringContaining(`eth0 in namespace ${RED}`) as unknown,
  });
  expect(readNetdev(null, OWN)!.index).toBe(index);
  expect(readNetdev(null, `${PREFIX}-two`)).toBe(null);
});

test('a TAP is moved, renamed and configured, and ends with its descriptor', async () => {
  const netdev = `${PREFIX}-tap`;
  const move = {
    netdev,
    alias: owner.mark('tap'),
    netns: stage.red,
    ifname: 'eth0',
    mac: MAC,
    mtu: 9000,
    gateway: '10.77.0.9',
  };
  const tap = TapSocket.open(netdev);
  try {
    await moveTap({ ...move, addresses: ['10.77.0.1/24', 'fd77::1/64'] });
    expect(readNetdev(null, netdev)).toBe(null);
    const moved = readNetdev(stage.red, 'eth0')!;
    expect(moved).toMatchObject({ mac: MAC, mtu: 9000, kind: 'tun', alias: owner.mark('tap') });
    expect(moved.flags & (IFF_UP | IFF_LOWER_UP)).toBe(IFF_UP | IFF_LOWER_UP);
    const second = TapSocket.open(netdev);
    await expect(moveTap({ ...move, addresses: [] })).rejects.toMatchObject({ code: 'NETDEV_EXISTS' });
    second.close();
  } finally {
    tap.close();
  }
  expect([readNetdev(null, netdev), readNetdev(stage.red, 'eth0')]).toEqual([null, null]);
  const local = TapSocket.open(netdev);
  await moveTap({ ...move, netns: stage.host, ifname: netdev, addresses: [], gateway: null });
  expect(readNetdev(null, netdev)).toMatchObject({ mac: MAC, mtu: 9000 });
  local.close();
});

test('reading what is not there', () => {
  const names = ['', 'nowhere', 'a name far too long for a netdev', 'x\0y'];
  expect(names.map((name) => readNetdev(stage.red, name))).toEqual([null, null, null, null]);
  expect(readNetdev(null, 'lo')).toMatchObject({ index: 1, name: 'lo', mac: '00:00:00:00:00:00', kind: null });
});
