/** A receiver that does not keep up loses its own frames, and holds up nobody else. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SwitchControl } from '../../src/control/model.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, expectTcp, type Host, ip, Lab, netdevSent, runProgram, until } from '../support/lab.ts';
import { TapPeer } from '../support/tap-peer.ts';

const lab = new Lab();
afterEach(() => lab.close());

/** Fewer than a receive ring holds, and together more than a TAP's queue, which takes 1,000. */
const BURST_FRAMES = 200;
const BURSTS = 20;

let lan: SwitchControl;
let a: Host;
let b: Host;

beforeEach(async () => {
  lan = await lab.switch();
  a = await lab.netns('a', { ipv6: false });
  b = await lab.netns('b', { ipv6: false });
  await lab.plug(lan, a, 'veth', { addresses: ['10.55.0.1/24'], broadcastLimit: null });
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'] });
});

/** Floods the network from `a`, and expects `b` to get every frame; then a flow between the two, and nothing lost by them. */
async function expectNobodyHeldUp(): Promise<void> {
  const [sender, receiver] = [a.wire(), b.wire()];
  for (let burst = 1; burst <= BURSTS; burst++) {
    for (let k = 0; k < BURST_FRAMES; k++) sender.send(frame({ src: mac(1), dst: BROADCAST, payload: 1000 }));
    await until('the other receiver to get every frame', () => receiver.captured().length >= burst * BURST_FRAMES);
  }
  expect(receiver.captured()).toHaveLength(BURSTS * BURST_FRAMES);
  await expectTcp(a, b, '10.55.0.2');
  await expectBalance(lan);
  for (const host of [a, b]) expect(lan.port(host.name).stats.drops).toEqual({});
}

test('a netdev that sends slower than it gets frames: what its queue has no room for is counted', async () => {
  const slow = await lab.netns('slow', { ipv6: false });
  await lab.plug(lan, slow, 'packet');
  const { netdev } = lan.port(slow.name);
  const shaper = ['root', 'tbf', 'rate', '100kbit', 'burst', '10k', 'limit', '100k'];
  await runProgram('tc', ['qdisc', 'add', 'dev', netdev!, ...shaper]);
  await expectNobodyHeldUp();
  const { tx, drops } = lan.port(slow.name).stats;
  expect(tx.frames).toBeGreaterThan(0);
  expect(tx.drops).toBeGreaterThan((BURSTS * BURST_FRAMES) / 2);
  expect(drops).toEqual({ EGRESS_FULL: tx.drops });
});

test('a TAP whose other side does not read: the TAP drops, and counts, what it has no room for', async () => {
  const netdev = lab.netdevName();
  const deaf = TapPeer.open(netdev, 0);
  lab.defer(() => deaf.close());
  await ip('link', 'set', netdev, 'up');
  await lan.addPort({ name: 'deaf', kind: 'packet', netdev });
  await expectNobodyHeldUp();
  const { tx } = lan.port('deaf').stats;
  const tapDrops = netdevSent(netdev).dropped;
  expect(tapDrops).toBeGreaterThan(0);

  // Reading makes room: what was queued comes first, then new frames.
  let heard = 0;
  deaf.read(() => heard++);
  await until('the queued frames', () => heard >= tx.frames - tapDrops);
  const queued = heard;
  a.wire().send(frame({ src: mac(1), dst: BROADCAST }));
  await until('a new frame', () => heard > queued);
});
