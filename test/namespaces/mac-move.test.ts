/** An address that is seen on two ports by turns, as in a loop or a theft, is held where it was; all frames pass. */
import { afterEach, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, Lab, until } from '../support/lab.ts';

const MOVES = 1000;
const HOLD_SECONDS = 1;

const lab = new Lab();
afterEach(() => lab.close());

test(`one address, ${MOVES} times from either of two hosts`, async () => {
  const lan = await lab.switch();
  await lan.patchSettings({ macMoveHoldSeconds: HOLD_SECONDS });
  const home = await lab.netns('home', { ipv6: false });
  const thief = await lab.netns('thief', { ipv6: false });
  const peer = await lab.netns('peer', { ipv6: false });
  for (const host of [home, thief, peer]) await lab.plug(lan, host, 'veth');
  const held: SwitchEvent[] = [];
  lab.defer(lan.events.subscribe((event) => event.event === 'fdb.held' && held.push(event)));
  const [homeWire, thiefWire, peerWire] = [home.wire(), thief.wire(), peer.wire()];
  const portOf = (address: string): string | undefined =>
    lan.fdb({}, { limit: 100 }).entries.find((entry) => entry.mac === address)?.port;

  peerWire.send(frame({ src: mac(2), dst: mac(1) }));
  homeWire.send(frame({ src: mac(1), dst: mac(2) }));
  await until('both ends to be known', () => portOf(mac(1)) === home.name && portOf(mac(2)) === peer.name);
  peerWire.clear();

  for (let k = 0; k < MOVES; k++) {
    for (const wire of [thiefWire, homeWire]) {
      wire.send(frame({ src: mac(1), dst: mac(2) }));
      // One by one, so that each comes after the one before in the switch too.
      await until('the frame', () => peerWire.captured().length >= 1);
      expect(peerWire.captured()).toHaveLength(1);
      peerWire.clear();
    }
  }
  const { macMoveLimit, macMoveHoldSeconds } = lan.settings();
  expect(held.length).toBeGreaterThan(0);
  expect(held[0]).toMatchObject({
    port: home.name,
    mac: mac(1),
    vlan: 1,
    ports: [home.name, thief.name],
    movesPerSecond: macMoveLimit,
  });
  expect(macMoveHoldSeconds).toBe(HOLD_SECONDS);
  expect(portOf(mac(1))).toBe(home.name);
  expect(lan.port(home.name).protection.map(({ event }) => event)).toContain('fdb.held');
  expect(lan.port(home.name).blocked).toBeNull();

  // While it is held, frames to it reach its home, and the other port gets none.
  thiefWire.clear();
  homeWire.clear();
  thiefWire.send(frame({ src: mac(1), dst: mac(2) }));
  peerWire.send(frame({ src: mac(2), dst: mac(1) }));
  await until('the frame to arrive at home', () => homeWire.captured().length === 1);
  expect(thiefWire.captured()).toHaveLength(0);

  // Afterwards it moves as any address does.
  await until('the hold to be over', () => {
    thiefWire.send(frame({ src: mac(1), dst: mac(2) }));
    return portOf(mac(1)) === thief.name;
  });
  await expectBalance(lan);
  expect(lan.stats().drops).toEqual({});
});
