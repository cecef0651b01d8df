/** The VLAN table: mode x frame -> exactly which ports get it, with which tags (IEEE 802.1Q-2022, 6.9, 8.6; Open vSwitch modes). */
import { describe, expect, test } from 'vitest';
import { frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';

const PORTS = {
  access10: { mode: 'access', vlan: 10 },
  access20: { mode: 'access', vlan: 20 },
  trunk: { mode: 'trunk', vlan: 0 },
  trunk20: { mode: 'trunk', vlan: 0, trunks: [20, 30] },
  nativeT: { mode: 'native-tagged', vlan: 10, trunks: [20] },
  nativeU: { mode: 'native-untagged', vlan: 10, trunks: [20] },
} as const;

const P = (vid: number) => ({ vid, pcp: 5, dei: 1 });
const S = (vid: number) => ({ tpid: 0x88a8, vid });

describe('which ports a broadcast leaves by, and how', () => {
  test.each([
    ['access10', 'no tag', [], 'trunk=8100:10 nativeT=8100:10 nativeU=untagged'],
    ['access10', 'priority tag', [P(0)], 'trunk=8100:10p5d nativeT=8100:10p5d nativeU=untagged'],
    ['access10', 'VID 10', [10], 'drop NOT_A_MEMBER'],
    ['access10', 'VID 20', [20], 'drop NOT_A_MEMBER'],
    ['access10', '88a8 VID 10', [S(10)], 'drop NOT_A_MEMBER'],
    ['access10', 'VID 4095', [4095], 'drop VID_RESERVED'],
    ['access20', 'no tag', [], 'trunk=8100:20 trunk20=8100:20 nativeT=8100:20 nativeU=8100:20'],
    ['trunk', 'no tag', [], 'drop UNTAGGED_ON_TRUNK'],
    ['trunk', 'priority tag', [P(0)], 'drop UNTAGGED_ON_TRUNK'],
    ['trunk', 'VID 10', [10], 'access10=untagged nativeT=8100:10 nativeU=untagged'],
    ['trunk', 'VID 10, PCP 5, DEI', [P(10)], 'access10=untagged nativeT=8100:10p5d nativeU=untagged'],
    ['trunk', 'VID 20', [20], 'access20=untagged trunk20=8100:20 nativeT=8100:20 nativeU=8100:20'],
    ['trunk', '88a8 VID 20', [S(20)], 'access20=untagged trunk20=88a8:20 nativeT=88a8:20 nativeU=88a8:20'],
    ['trunk', 'VID 30', [30], 'trunk20=8100:30'],
    ['trunk', 'VID 99', [99], 'drop NO_EGRESS'],
    ['trunk', 'VID 4095', [4095], 'drop VID_RESERVED'],
    ['trunk', 'VID 10 over VID 20', [10, 20], 'nativeT=8100:10+8100:20 nativeU=8100:20'],
    ['trunk20', 'VID 20', [20], 'access20=untagged trunk=8100:20 nativeT=8100:20 nativeU=8100:20'],
    ['trunk20', 'VID 10', [10], 'drop NOT_A_MEMBER'],
    ['nativeT', 'no tag', [], 'access10=untagged trunk=8100:10 nativeU=untagged'],
    ['nativeT', 'priority tag', [P(0)], 'access10=untagged trunk=8100:10p5d nativeU=untagged'],
    ['nativeT', 'VID 10', [10], 'access10=untagged trunk=8100:10 nativeU=untagged'],
    ['nativeT', 'VID 30', [30], 'drop NOT_A_MEMBER'],
    ['nativeU', 'no tag', [], 'access10=untagged trunk=8100:10 nativeT=8100:10'],
    ['nativeU', 'VID 10', [10], 'access10=untagged trunk=8100:10 nativeT=8100:10'],
    ['nativeU', 'VID 20', [20], 'access20=untagged trunk=8100:20 trunk20=8100:20 nativeT=8100:20'],
  ])('%s, %s', (from, _, tags, expected) => {
    expect(new Lan(PORTS).outcome(from, frame({ tags }))).toBe(expected);
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
