/** An address that is seen on two ports by turns, as in a loop or a theft, is held where it was; all frames pass. */
import { afterEach, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, Lab, until } from '../support/lab.ts';

const MOVES = process.env['TSWITCH_LONG'] === '1' ? 1000 : 200;
/** Far more than a look at a held address takes. */
const LONG_HOLD_SECONDS = 60;

const lab = new Lab();
afterEach(() => lab.close());

test(`one address, ${MOVES} times from either of two hosts`, async () => {
  const lan = await lab.switch();
  await lan.patchSettings({ macMoveHoldSeconds: 1 });
  const home = await lab.netns('home', { ipv6: false });
  const thief = await lab.netns('thief', { ipv6: false });
  const peer = await lab.netns('peer', { ipv6: false });
  for (const host of [home, thief, peer]) await lab.plug(lan, host, 'veth');
  const held: SwitchEvent[] = [];
  lab.defer(lan.events.subscribe((event) => event.event === 'fdb.held' && held.push(event)));
  const [homeWire, thiefWire, peerWire] = [home.wire(), thief.wire(), peer.wire()];
  const portOf = async (address: string): Promise<string | undefined> =>
    (await lan.fdb({}, { limit: 100 })).entries.find((entry) => entry.mac === address)?.port;

  const announce = async (): Promise<void> => {
    peerWire.send(frame({ src: mac(2), dst: mac(1) }));
    homeWire.send(frame({ src: mac(1), dst: mac(2) }));
    await until(
      'both ends to be known',
      async () => (await portOf(mac(1))) === home.name && (await portOf(mac(2))) === peer.name,
    );
    for (const wire of [homeWire, thiefWire, peerWire]) wire.clear();
  };
  await announce();

  const moveThereAndBack = async (): Promise<void> => {
    for (const wire of [thiefWire, homeWire]) {
      wire.send(frame({ src: mac(1), dst: mac(2) }));
      // One by one, so that each comes after the one before in the switch too.
      await until('the frame', () => peerWire.captured().length >= 1);
      expect(peerWire.captured()).toHaveLength(1);
      peerWire.clear();
    }
  };
  for (let k = 0; k < MOVES; k++) await moveThereAndBack();
  expect(held.length).toBeGreaterThan(0);
  /** Where it holds the address depends on where a second of moves began. */
  const untilHeld = async (macMoveHoldSeconds: number): Promise<void> => {
    await lan.patchSettings({ macMoveHoldSeconds });
    await lan.flushFdb({});
    await announce();
    const holds = held.length;
    while (held.length === holds) await moveThereAndBack();
  };
  await untilHeld(LONG_HOLD_SECONDS);
  const { port: holder, ...hold } = held.at(-1)!;
  const elsewhere = holder === home.name ? thief.name : home.name;
  const [holderWire, elsewhereWire] = holder === home.name ? [homeWire, thiefWire] : [thiefWire, homeWire];
  const { macMoveLimit } = lan.settings();
  expect([home.name, thief.name]).toContain(holder);
  expect(hold).toMatchObject({ mac: mac(1), vlan: 1, ports: [holder, elsewhere], movesPerSecond: macMoveLimit });
  expect(await portOf(mac(1))).toBe(holder);
  expect(lan.port(String(holder)).protection.map(({ event }) => event)).toContain('fdb.held');
  expect(lan.port(String(holder)).blocked).toBeNull();

  // While it is held, frames to it reach its holder, and the other port gets none.
  homeWire.clear();
  thiefWire.clear();
  elsewhereWire.send(frame({ src: mac(1), dst: mac(2) }));
  peerWire.send(frame({ src: mac(2), dst: mac(1) }));
  await until('the frame to arrive where the address is held', () => holderWire.captured().length === 1);
  expect(elsewhereWire.captured()).toHaveLength(0);

  // After a short one it moves as any address does.
  await untilHeld(1);
  const [free, freeWire] = held.at(-1)!.port === home.name ? [thief, thiefWire] : [home, homeWire];
  await until('the hold to be over', async () => {
    freeWire.send(frame({ src: mac(1), dst: mac(2) }));
    return (await portOf(mac(1))) === free.name;
  });
  await expectBalance(lan);
  expect(lan.stats().drops).toEqual({});
});
