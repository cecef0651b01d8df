/** Several workers on the same ports: each frame is taken by one of them, and a flow stays with its worker. */
import { afterEach, expect, test } from 'vitest';
import type { PortKind } from '../../src/control/model.ts';
import { expectBalance, expectTcp, expectUdp, Lab } from '../support/lab.ts';

const lab = new Lab();
afterEach(() => lab.close());

test.each<[PortKind, PortKind]>([
  ['veth', 'veth'],
  ['packet', 'packet'],
  ['tap', 'tap'],
  ['veth', 'tap'],
  ['xdp', 'xdp'],
  ['xdp', 'veth'],
])('two workers, %s and %s: nothing twice, nothing lost', async (kindOfA, kindOfB) => {
  const lan = await lab.switch({ workers: 2 });
  const a = await lab.netns('a');
  const b = await lab.netns('b');
  await lab.plug(lan, a, kindOfA, { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, kindOfB, { addresses: ['10.55.0.2/24'] });
  expect(await b.pings('10.55.0.1')).toBe(true);
  const report = await a.run('ping', '-c', '20', '-l', '20', '-i', '20', '10.55.0.2');
  expect(report).toContain('20 packets transmitted, 20 received');
  expect(report).not.toMatch(/DUP|duplicates/);
  await expectTcp(a, b, '10.55.0.2');
  await expectTcp(b, a, '10.55.0.1');
  await expectUdp(a, b, '10.55.0.2');
  await expectBalance(lan);
  expect(lan.settings().workers).toBe(2);
  expect(lan.stats().workers.map(({ restarts }) => restarts)).toEqual([0, 0]);
});

test('taps are shared out among the workers', async () => {
  const lan = await lab.switch({ workers: 2 });
  const hosts = [await lab.netns('a'), await lab.netns('b')];
  for (const [k, host] of hosts.entries()) await lab.plug(lan, host, 'tap', { addresses: [`10.55.0.${k + 1}/24`] });
  expect(await hosts[0]!.pings('10.55.0.2')).toBe(true);
  for (const { turns } of lan.stats().workers) expect(turns).toBeGreaterThan(0);
  await expectBalance(lan);
});
