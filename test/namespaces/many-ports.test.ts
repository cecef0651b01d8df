/** Many ports: the first and the last reach each other. In the long tests as many as a switch has room for, and one more. */
import { afterEach, expect, test } from 'vitest';
import { PORTS_MAX } from '../../src/limits.ts';
import { expectBalance, Lab } from '../support/lab.ts';

/** Each takes a fifth of a second to make and to take down. */
const PORTS = process.env['TSWITCH_LONG'] === '1' ? PORTS_MAX : 24;

const lab = new Lab();
afterEach(() => lab.close());

test(`${PORTS} veth ports, one worker`, async () => {
  const [first, last, crowd] = [await lab.netns('first'), await lab.netns('last'), await lab.netns('crowd')];
  const lan = await lab.switch();
  const silent = { kind: 'veth', netns: crowd.name } as const;
  await lab.plug(lan, first, 'veth', { addresses: ['10.55.0.1/24'] });
  for (let k = 1; k < PORTS - 1; k++) await lan.addPort({ ...silent, name: `crowd-${k}`, ifname: `eth${k}` });
  await lab.plug(lan, last, 'veth', { addresses: ['10.55.0.2/24'] });

  expect(await first.pings('10.55.0.2')).toBe(true);
  expect(await last.pings('10.55.0.1', '-s', '8000')).toBe(true);
  const oneMore = lan.addPort({ ...silent, name: 'one-more', ifname: 'more' });
  if (PORTS === PORTS_MAX) {
    const message = `a switch has at most ${PORTS_MAX} ports: remove one first`;
    await expect(oneMore).rejects.toMatchObject({ code: 'LIMIT_REACHED', message });
  } else {
    expect((await oneMore).state).toBe('up');
  }
  expect(lan.ports().filter(({ state }) => state !== 'up')).toEqual([]);

  // What made room for the last ones is there again for others.
  for (let k = 1; k <= 3; k++) await lan.removePort(`crowd-${k}`);
  for (let k = 1; k <= 3; k++) await lan.addPort({ ...silent, name: `again-${k}`, ifname: `again${k}` });
  expect(await first.pings('10.55.0.2')).toBe(true);
  await expectBalance(lan);
});
