/** Every pairing of port kinds, with default settings and without ethtool: what people do with a network works at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PortKind, SwitchControl } from '../../src/control/model.ts';
import { expectBalance, expectTcp, expectUdp, type Host, ip, Lab } from '../support/lab.ts';

const lab = new Lab();
afterAll(() => lab.close());

const KINDS: PortKind[] = ['veth', 'tap', 'packet'];
const PAIRS = KINDS.flatMap((a, i) => KINDS.slice(i).map((b): [PortKind, PortKind] => [a, b]));

const ipv4 = (n: number): string => `10.55.0.${n}`;
const ipv6 = (n: number): string => `fd55::${n}`;
const addresses = (n: number): string[] => [`${ipv4(n)}/24`, `${ipv6(n)}/64`];

async function expectEverything(a: Host, b: Host, numberOfB: number): Promise<void> {
  for (const address of [ipv4(numberOfB), ipv6(numberOfB)]) {
    expect(await a.pings(address), `ping ${address}`).toBe(true);
    const largest = address.includes(':') ? '1452' : '1472';
    expect(await a.pings(address, '-M', 'do', '-s', largest), `full-size ping ${address}`).toBe(true);
    await expectTcp(a, b, address);
    await expectUdp(a, b, address);
  }
}

describe('untagged, one switch', () => {
  let lan: SwitchControl;
  /** Two of each kind; their numbers are their addresses' last part. */
  const hosts: Record<string, [Host, Host]> = {};
  const numberOf = (kind: PortKind, which: number): number => 1 + 2 * KINDS.indexOf(kind) + which;

  beforeAll(async () => {
    lan = await lab.switch();
    for (const kind of KINDS) {
      const pair: [Host, Host] = [await lab.netns(`${kind}0`), await lab.netns(`${kind}1`)];
      hosts[kind] = pair;
      for (const [which, host] of pair.entries()) {
        await lab.plug(lan, host, kind, { addresses: addresses(numberOf(kind, which)) });
      }
    }
  });

  test.each(PAIRS)('%s and %s', async (a, b) => {
    await expectEverything(hosts[a]![0], hosts[b]![1], numberOf(b, 1));
  });

  test('super-frames pass whole, nothing is refused, and every frame is accounted for', async () => {
    await expectBalance(lan);
    const { ports, drops } = lan.stats();
    for (const port of Object.values(ports)) {
      expect(port.rx.superFrames).toBeGreaterThan(0);
      expect(port.tx.superFrames).toBeGreaterThan(0);
      expect(port.tx.segments).toBe(0);
    }
    for (const reason of ['BAD_OFFLOAD', 'OVER_MTU', 'EGRESS_FAILED', 'OVERSIZE'])
      expect(drops).not.toHaveProperty(reason);
  });
});

describe('with a port of kind xdp, which takes single frames only', () => {
  test.each<PortKind>([...KINDS, 'xdp'])('xdp and %s', async (kind) => {
    const lan = await lab.switch();
    const [a, b] = [await lab.netns(`x-${kind}`), await lab.netns(`y-${kind}`)];
    await lab.plug(lan, a, 'xdp', { addresses: addresses(1) });
    await lab.plug(lan, b, kind, { addresses: addresses(2) });
    await expectEverything(a, b, 2);
    await expectBalance(lan);
    expect(lan.port(a.name).stats).toMatchObject({ rx: { superFrames: 0 }, tx: { superFrames: 0 } });
    for (const reason of ['BAD_OFFLOAD', 'OVER_MTU', 'EGRESS_FAILED', 'OVERSIZE'])
      expect(lan.stats().drops).not.toHaveProperty(reason);
  });
});

describe('tagged: access, trunk, access over two switches', () => {
  let near: SwitchControl;
  let far: SwitchControl;
  let trunk: [string, string];
  const hosts: Record<string, Host> = {};

  beforeAll(async () => {
    near = await lab.switch();
    far = await lab.switch();
    trunk = await lab.vethPair();
    for (const [lan, netdev] of [
      [near, trunk[0]],
      [far, trunk[1]],
    ] as const) {
      await lan.addPort({ name: 'trunk', kind: 'packet', netdev, mode: 'trunk', trunks: [10, 20] });
    }
    for (const [label, lan, kind, vlan, number] of [
      ['nearVeth', near, 'veth', 10, 1],
      ['nearTap', near, 'tap', 10, 2],
      ['farVeth', far, 'veth', 10, 3],
      ['farTap', far, 'tap', 10, 4],
      ['other', far, 'veth', 20, 5],
    ] as const) {
      const host = await lab.netns(label);
      hosts[label] = host;
      await lab.plug(lan, host, kind, { vlan, addresses: addresses(number) });
    }
  });

  test.each([
    ['nearVeth', 'farVeth', 3],
    ['nearVeth', 'farTap', 4],
    ['nearTap', 'farVeth', 3],
    ['nearTap', 'farTap', 4],
  ])('%s and %s', async (a, b, number) => {
    await expectEverything(hosts[a]!, hosts[b]!, number);
  });

  test('another VLAN is out of reach', async () => {
    expect(await hosts['nearVeth']!.pingsInVain(ipv4(5))).toBe(true);
  });

  test('untagged on the wire between the switches: native VLAN', async () => {
    for (const lan of [near, far]) await lan.patchPort('trunk', { mode: 'native-untagged', vlan: 10 });
    await expectEverything(hosts['nearVeth']!, hosts['farTap']!, 4);
  });

  test('every frame is accounted for', async () => {
    await expectBalance(near);
    await expectBalance(far);
    for (const lan of [near, far]) {
      const { drops } = lan.stats();
      for (const reason of ['BAD_OFFLOAD', 'OVER_MTU', 'EGRESS_FAILED']) expect(drops).not.toHaveProperty(reason);
    }
  });
});

test('a netdev that passes up only what is for itself, unless asked for all: a kernel bridge', async () => {
  const lan = await lab.switch();
  const [inside, beyond] = [await lab.netns('inside'), await lab.netns('beyond')];
  const [bridge, member] = [lab.netdevName(), lab.netdevName()];
  await ip('link', 'add', bridge, 'type', 'bridge');
  lab.defer(() => ip('link', 'del', bridge));
  await ip('link', 'add', member, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', beyond.name);
  await ip('link', 'set', member, 'master', bridge, 'up');
  await ip('link', 'set', bridge, 'up');
  for (const address of addresses(2)) {
    await beyond.run('ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
  }
  await beyond.run('ip', 'link', 'set', 'eth0', 'up');
  await lan.addPort({ name: 'bridge', kind: 'packet', netdev: bridge });
  await lab.plug(lan, inside, 'veth', { addresses: addresses(1) });
  await expectEverything(inside, beyond, 2);
});
