/** The VLAN table: mode x frame -> exactly which ports get it, with which tags (IEEE 802.1Q-2022, 6.9, 8.6; Open vSwitch modes). */
import { describe, expect, test } from 'vitest';
import { frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { portConfigs, VLAN_TABLES } from '../support/vlan-tables.ts';

describe.each(VLAN_TABLES)('which ports a broadcast leaves by, and how: $name', (table) => {
  test.each(table.rows)('%s, %s', (from, _, tags, expected) => {
    expect(new Lan(portConfigs(table)).outcome(from, frame({ tags }))).toBe(expected);
  });
});

test('all 8 priorities and DEI survive access -> trunk -> trunk', () => {
  const lan = new Lan({ in: { mode: 'trunk', vlan: 0 }, out: { mode: 'trunk', vlan: 0 } });
  for (let pcp = 0; pcp < 8; pcp++) {
    for (const dei of [0, 1]) {
      const sent = frame({ tags: [{ vid: 7, pcp, dei }] });
      expect(lan.send('in', sent).get('out')).toEqual([sent]);
    }
  }
});

test('TPID 9100 is payload: an access port takes it, and it leaves as it came', () => {
  const lan = new Lan({ a: { vlan: 10 }, b: { vlan: 10 } });
  const sent = frame({ etherType: 0x9100 });
  expect(lan.send('a', sent).get('b')).toEqual([sent]);
});

test('a frame that still carries an inner tag is not sent out of an access port it is known on', () => {
  const lan = new Lan({ a: { vlan: 10 }, t: { mode: 'trunk', vlan: 0 } });
  lan.send('a', frame({ src: mac(1) }));
  expect(lan.outcome('t', frame({ dst: mac(1), src: mac(2), tags: [10, 20] }))).toBe('drop INNER_TAG');
  expect(lan.outcome('t', frame({ dst: mac(1), src: mac(2), tags: [10] }))).toBe('a=untagged');
});

test('a frame dropped by its VLAN teaches nothing', () => {
  const lan = new Lan({ a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 10 } });
  lan.outcome('a', frame({ src: mac(1), tags: [10] }));
  expect(lan.outcome('b', frame({ dst: mac(1), src: mac(2) }))).toBe('a=untagged c=untagged');
});

test('the same address in two VLANs is two addresses', () => {
  const lan = new Lan({
    a: { vlan: 10 },
    b: { vlan: 20 },
    t: { mode: 'trunk', vlan: 0 },
    u: { mode: 'trunk', vlan: 0 },
  });
  lan.send('a', frame({ src: mac(1) }));
  lan.send('b', frame({ src: mac(1) }));
  expect(lan.outcome('t', frame({ dst: mac(1), src: mac(2), tags: [10] }))).toBe('a=untagged');
  expect(lan.outcome('t', frame({ dst: mac(1), src: mac(2), tags: [20] }))).toBe('b=untagged');
  expect(lan.outcome('t', frame({ dst: mac(1), src: mac(2), tags: [30] }))).toBe('u=8100:30');
});

test('a changed mode takes effect on a working port', () => {
  const lan = new Lan({ a: { vlan: 10 }, b: { vlan: 20 } });
  expect(lan.outcome('a', frame())).toBe('drop NO_EGRESS');
  lan.configure('b', { mode: 'trunk', vlan: 0, trunks: [10] });
  expect(lan.outcome('a', frame())).toBe('b=8100:10');
  lan.configure('b', { mode: 'access', vlan: 10, trunks: [] });
  expect(lan.outcome('a', frame())).toBe('b=untagged');
});
