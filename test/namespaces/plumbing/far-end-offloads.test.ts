/** The far end offers what a virtio-net header can express, and nothing else. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { disableInexpressibleOffloads } from '../../../src/control/plumbing/far-end-offloads.ts';
import { createVethPair, deleteNetdev } from '../../../src/control/plumbing/netdev.ts';
import { OWN, pair, run, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => deleteNetdev(OWN));

afterAll(() => stage?.close());

test('what a virtio-net header cannot express goes off, the rest stays on', async () => {
  await createVethPair(pair(stage.red));
  const features = async () => {
    const { stdout } = await run('nsenter', [`--net=${stage.red.path}`, 'ethtool', '-k', 'eth0']);
    return new Map([...stdout.matchAll(/^\s*([\w-]+): (on|off)/gm)].map(([, name, state]) => [name!, state!]));
  };
  const before = await features();
  disableInexpressibleOffloads(stage.red, 'eth0');
  const after = await features();
  const switchedOff = [...before.keys()].filter((name) => before.get(name) === 'on' && after.get(name) === 'off');
  expect(switchedOff).toEqual(expect.arrayContaining(['tx-udp_tnl-segmentation', 'tx-checksum-sctp', 'tx-gso-list']));
  for (const name of switchedOff) expect(name).toMatch(/gre|ipxip|udp_tnl|sctp|esp|gso-list|gso-partial|fcoe/);
  const on = ['tx-tcp-segmentation', 'tx-tcp6-segmentation', 'tx-tcp-ecn-segmentation', 'tx-udp-segmentation'];
  for (const name of [...on, 'tx-checksum-ip-generic', 'tx-vlan-offload', 'tx-scatter-gather']) {
    expect([name, after.get(name)]).toEqual([name, 'on']);
  }
  disableInexpressibleOffloads(stage.red, 'eth0');
  expect(() => disableInexpressibleOffloads(stage.red, 'eth7')).toThrow(
    expect.objectContaining({ code: 'NETDEV_NOT_FOUND' }),
  );
});
