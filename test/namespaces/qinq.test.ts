/**
 * Two customers' sites joined over a provider: access -> customer trunk -> tunnel -> provider trunk -> tunnel -> customer
 * trunk -> access, four switches in all. TCP and UDP cross with two tags, super-frames and unfinished checksums included.
 */
import { afterEach, expect, test } from 'vitest';
import type { SwitchControl } from '../../src/control/model.ts';
import { expectBalance, expectTcp, expectUdp, type Host, Lab } from '../support/lab.ts';

const lab = new Lab();
afterEach(() => lab.close());

const SERVICE_VLAN = 100;
const CUSTOMER_VLAN = 5;
/** Room for two tags: the kernel sends an 802.1Q frame of four bytes more than the MTU, but no 802.1ad one. */
const PROVIDER_MTU = 1508;
/** What the kernel says by itself on the pairs that join the switches. */
const OF_THE_KERNEL = new Set(['UNTAGGED_ON_TRUNK', 'CVLAN_NOT_ALLOWED']);

/** Joins two switches by a pair of netdevs. */
async function join(
  [one, oneSettings]: [SwitchControl, object],
  [other, otherSettings]: [SwitchControl, object],
  mtu: number,
): Promise<void> {
  const [a, b] = await lab.vethPair(mtu);
  await one.addPort({ name: a, kind: 'packet', netdev: a, ...oneSettings });
  await other.addPort({ name: b, kind: 'packet', netdev: b, ...otherSettings });
}

async function site(label: string, address: string): Promise<{ customer: SwitchControl; host: Host }> {
  const customer = await lab.switch();
  const host = await lab.netns(label, { ipv6: false });
  await lab.plug(customer, host, 'veth', { addresses: [`${address}/24`], mode: 'access', vlan: CUSTOMER_VLAN });
  return { customer, host };
}

test.each([{ tpid: '0x88a8' }, { tpid: '0x8100' }] as const)('service tags of TPID $tpid', async ({ tpid }) => {
  const red = await site('red', '10.60.0.1');
  const blue = await site('blue', '10.60.0.2');
  const [west, east] = [await lab.switch(), await lab.switch()];
  const tunnel = { mode: 'dot1q-tunnel', vlan: SERVICE_VLAN, tpid, cvlans: [CUSTOMER_VLAN] };
  await join([red.customer, { mode: 'trunk' }], [west, tunnel], 1500);
  await join([west, { mode: 'trunk' }], [east, { mode: 'trunk' }], PROVIDER_MTU);
  await join([east, tunnel], [blue.customer, { mode: 'trunk' }], 1500);

  expect(await red.host.pings('10.60.0.2', '-s', '1472', '-M', 'do')).toBe(true);
  await expectTcp(red.host, blue.host, '10.60.0.2');
  await expectUdp(blue.host, red.host, '10.60.0.1');
  for (const each of [west, east, red.customer, blue.customer]) {
    await expectBalance(each);
    expect(Object.keys(each.stats().drops).filter((reason) => !OF_THE_KERNEL.has(reason))).toEqual([]);
  }
  const { entries } = await west.fdb({}, { limit: 10 });
  expect([...new Set(entries.map(({ vlan }) => vlan))]).toEqual([SERVICE_VLAN]);
});
