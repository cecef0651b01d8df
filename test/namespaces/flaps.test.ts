/** A link flaps: the other ports' frames do not notice, and what was learned on it is gone when that is told. */
import { afterEach, expect, test } from 'vitest';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, Lab, until } from '../support/lab.ts';
import { NumberedFlows } from '../support/numbered-flows.ts';

const FLAPS = process.env['TSWITCH_LONG'] === '1' ? 1000 : 20;

const lab = new Lab();
afterEach(() => lab.close());

test(`${FLAPS} flaps of one port`, { timeout: 180_000 + FLAPS * 1000 }, async () => {
  const lan = await lab.switch();
  const [a, b, c] = [
    await lab.netns('a', { ipv6: false }),
    await lab.netns('b', { ipv6: false }),
    await lab.netns('c', { ipv6: false }),
  ];
  for (const host of [a, b, c]) await lab.plug(lan, host, 'veth');
  const known = async (): Promise<number> => (await lan.fdb({ port: c.name }, { limit: 10 })).total;
  const told: string[] = [];
  const knownWhenDown: number[] = [];
  const unsubscribe = lan.events.subscribe(({ event, port }) => {
    if (port !== c.name || !event.startsWith('port.')) return;
    told.push(event);
    if (event === 'port.down') void known().then((count) => knownWhenDown.push(count));
  });
  lab.defer(unsubscribe);

  const [from, to, flapping] = [a.wire(), b.wire(), c.wire()];
  to.send(frame({ src: mac(2) }));
  await until('the receiver to be known', async () => (await lan.fdb({ port: b.name }, { limit: 10 })).total === 1);
  const flows = new NumberedFlows(from, to, { flows: 4, perSecond: 2000, ends: [1, 2] });
  lab.defer(() => flows.abandon());
  for (let flap = 1; flap <= FLAPS; flap++) {
    for (let k = 0; k < 3; k++) flapping.send(frame({ src: mac(100 + k) }));
    await until('addresses to be learned', async () => (await known()) === 3);
    await c.run('ip', 'link', 'set', 'eth0', 'down');
    await until('port.down', () => told.length === 2 * flap - 1);
    await c.run('ip', 'link', 'set', 'eth0', 'up');
    await until('port.up', () => told.length === 2 * flap);
    // Takes the error that the socket keeps from when its netdev was down.
    flapping.clear();
  }
  const { longestGapMs, ...outcome } = await flows.stop();
  console.log(
    `${FLAPS} flaps: ${outcome.sent} frames between other ports, longest gap ${Math.max(...longestGapMs)} ms`,
  );
  expect(outcome).toEqual({ sent: outcome.sent, lost: 0, twice: 0, outOfOrder: 0 });
  expect(told).toEqual(Array.from({ length: FLAPS }, () => ['port.down', 'port.up']).flat());
  expect(knownWhenDown).toEqual(Array(FLAPS).fill(0));
  await expectBalance(lan);
});
