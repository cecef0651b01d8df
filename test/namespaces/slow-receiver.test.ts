/** A receiver that does not read loses its own frames, and holds up nobody else. */
import { afterEach, expect, test } from 'vitest';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, expectTcp, ip, Lab, until } from '../support/lab.ts';
import { TapPeer } from '../support/tap-peer.ts';

const lab = new Lab();
afterEach(() => lab.close());

const BURST_FRAMES = 200;
/** More than the queues of a TAP nobody reads hold: its ring and its queueing discipline take 1,000 frames each. */
const BURSTS = 25;

test('a TAP whose other side does not read', async () => {
  const lan = await lab.switch();
  const a = await lab.netns('a', { ipv6: false });
  const b = await lab.netns('b', { ipv6: false });
  await lab.plug(lan, a, 'veth', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'] });
  const netdev = lab.netdevName();
  const deaf = TapPeer.open(netdev, 0);
  lab.defer(() => deaf.close());
  await ip('link', 'set', netdev, 'up');
  await lan.addPort({ name: 'deaf', kind: 'packet', netdev });

  const [sender, receiver] = [a.wire(), b.wire()];
  for (let burst = 1; burst <= BURSTS; burst++) {
    for (let k = 0; k < BURST_FRAMES; k++) sender.send(frame({ src: mac(1), dst: BROADCAST }));
    await until('the other receiver to get every frame', () => receiver.captured().length >= burst * BURST_FRAMES);
  }
  expect(receiver.captured()).toHaveLength(BURSTS * BURST_FRAMES);
  await expectTcp(a, b, '10.55.0.2');
  await expectBalance(lan);

  const { tx, drops } = lan.port('deaf').stats;
  expect(tx.drops).toBeGreaterThan(0);
  expect(drops).toEqual({ EGRESS_FULL: tx.drops });
  for (const host of [a, b]) expect(lan.port(host.name).stats.drops).toEqual({});

  // It comes back to life: reading makes room, and new frames arrive.
  let heard = 0;
  deaf.read(() => heard++);
  await until('the queued frames to be read', () => heard === tx.frames);
  sender.send(frame({ src: mac(1), dst: BROADCAST }));
  await until('a new frame', () => heard > tx.frames);
});
