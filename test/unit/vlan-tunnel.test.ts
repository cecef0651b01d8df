/** dot1q-tunnel, transparent and priority tags: frame x port -> exactly which ports get it, with which tags. */
import { describe, expect, test } from 'vitest';
import { frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';

const S = (vid: number) => ({ tpid: 0x88a8, vid });
const P = (vid: number) => ({ vid, pcp: 5, dei: 1 });
const Q = (vid: number) => ({ tpid: 0x9100, vid });

const PORTS = {
  tunnel: { mode: 'dot1q-tunnel', vlan: 100 },
  tunnel81: { mode: 'dot1q-tunnel', vlan: 100, tpid: 0x8100 },
  picky: { mode: 'dot1q-tunnel', vlan: 100, cvlans: [5, 6] },
  wire: { mode: 'transparent', vlan: 100 },
  access: { mode: 'access', vlan: 100 },
  trunk: { mode: 'trunk', vlan: 0 },
  nativeT: { mode: 'native-tagged', vlan: 100 },
  nativeU: { mode: 'native-untagged', vlan: 100 },
} as const;

describe('which ports a broadcast leaves by, and how', () => {
  test.each([
    [
      'tunnel',
      'no tag',
      [],
      'tunnel81=untagged wire=untagged access=untagged trunk=88a8:100 nativeT=88a8:100 nativeU=untagged',
    ],
    [
      'tunnel',
      'VID 5',
      [5],
      'tunnel81=8100:5 picky=8100:5 wire=8100:5 trunk=88a8:100+8100:5 nativeT=88a8:100+8100:5 nativeU=8100:5',
    ],
    [
      'tunnel',
      'VID 7',
      [7],
      'tunnel81=8100:7 wire=8100:7 trunk=88a8:100+8100:7 nativeT=88a8:100+8100:7 nativeU=8100:7',
    ],
    [
      'tunnel',
      'PCP 5 stays inside, 0 outside',
      [P(7)],
      'tunnel81=8100:7p5d wire=8100:7p5d trunk=88a8:100+8100:7p5d nativeT=88a8:100+8100:7p5d nativeU=8100:7p5d',
    ],
    [
      'tunnel',
      'priority tag',
      [P(0)],
      'tunnel81=8100:0p5d wire=8100:0p5d trunk=88a8:100+8100:0p5d nativeT=88a8:100+8100:0p5d nativeU=8100:0p5d',
    ],
    [
      'tunnel',
      '88a8 VID 5',
      [S(5)],
      'tunnel81=88a8:5 picky=88a8:5 wire=88a8:5 trunk=88a8:100+88a8:5 nativeT=88a8:100+88a8:5 nativeU=88a8:5',
    ],
    [
      'tunnel',
      'two tags',
      [5, 6],
      'tunnel81=8100:5+8100:6 picky=8100:5+8100:6 wire=8100:5+8100:6 trunk=88a8:100+8100:5+8100:6 nativeT=88a8:100+8100:5+8100:6 nativeU=8100:5+8100:6',
    ],
    [
      'tunnel81',
      'VID 5',
      [5],
      'tunnel=8100:5 picky=8100:5 wire=8100:5 trunk=8100:100+8100:5 nativeT=8100:100+8100:5 nativeU=8100:5',
    ],
    ['picky', 'no tag', [], 'drop CVLAN_NOT_ALLOWED'],
    ['picky', 'VID 7', [7], 'drop CVLAN_NOT_ALLOWED'],
    ['picky', 'priority tag', [0], 'drop CVLAN_NOT_ALLOWED'],
    [
      'picky',
      'VID 6',
      [6],
      'tunnel=8100:6 tunnel81=8100:6 wire=8100:6 trunk=88a8:100+8100:6 nativeT=88a8:100+8100:6 nativeU=8100:6',
    ],
    [
      'wire',
      'VID 6',
      [6],
      'tunnel=8100:6 tunnel81=8100:6 picky=8100:6 trunk=88a8:100+8100:6 nativeT=88a8:100+8100:6 nativeU=8100:6',
    ],
    [
      'wire',
      'VID 4095',
      [4095],
      'tunnel=8100:4095 tunnel81=8100:4095 trunk=88a8:100+8100:4095 nativeT=88a8:100+8100:4095 nativeU=8100:4095',
    ],
    [
      'access',
      'no tag',
      [],
      'tunnel=untagged tunnel81=untagged wire=untagged trunk=8100:100 nativeT=8100:100 nativeU=untagged',
    ],
    [
      'trunk',
      'service tag over VID 5',
      [S(100), 5],
      'tunnel=8100:5 tunnel81=8100:5 picky=8100:5 wire=8100:5 nativeT=88a8:100+8100:5 nativeU=8100:5',
    ],
    [
      'trunk',
      'service tag over VID 7',
      [S(100), 7],
      'tunnel=8100:7 tunnel81=8100:7 wire=8100:7 nativeT=88a8:100+8100:7 nativeU=8100:7',
    ],
    [
      'trunk',
      'service tag alone',
      [S(100)],
      'tunnel=untagged tunnel81=untagged wire=untagged access=untagged nativeT=88a8:100 nativeU=untagged',
    ],
    [
      'trunk',
      '8100 over 9100',
      [100, Q(5)],
      'tunnel=untagged tunnel81=untagged wire=untagged access=untagged nativeT=8100:100 nativeU=untagged',
    ],
  ])('%s, %s', (from, _, tags, expected) => {
    expect(new Lan(PORTS).outcome(from, frame({ tags }))).toBe(expected);
  });
});

test('bytes pass between transparent ports as they are, whatever tags they carry', () => {
  const lan = new Lan({
    a: { mode: 'transparent', vlan: 7, priorityTags: 'always' },
    b: { mode: 'transparent', vlan: 7, priorityTags: 'always' },
  });
  for (const tags of [[], [0], [P(0)], [5], [S(5), 6], [4095], [Q(3)], [1, 2, 3]]) {
    const sent = frame({ tags, payload: 100 });
    expect(lan.send('a', sent).get('b')).toEqual([sent]);
  }
});

describe('a known destination behind a port that refuses the inner tag', () => {
  test('access: INNER_TAG; without one it passes', () => {
    const lan = new Lan(PORTS);
    lan.send('access', frame({ src: mac(2) }));
    expect(lan.outcome('tunnel', frame({ dst: mac(2), src: mac(1), tags: [5] }))).toBe('drop INNER_TAG');
    expect(lan.outcome('tunnel', frame({ dst: mac(2), src: mac(1) }))).toBe('access=untagged');
  });

  test('tunnel with cvlans: CVLAN_NOT_ALLOWED; a listed one passes', () => {
    const lan = new Lan(PORTS);
    lan.send('picky', frame({ src: mac(2), tags: [5] }));
    expect(lan.outcome('tunnel', frame({ dst: mac(2), src: mac(1), tags: [7] }))).toBe('drop CVLAN_NOT_ALLOWED');
    expect(lan.outcome('tunnel', frame({ dst: mac(2), src: mac(1) }))).toBe('drop CVLAN_NOT_ALLOWED');
    expect(lan.outcome('tunnel', frame({ dst: mac(2), src: mac(1), tags: [6] }))).toBe('picky=8100:6');
  });
});

describe('priority tags', () => {
  const ports = {
    in: { mode: 'trunk', vlan: 0 },
    never: { vlan: 10 },
    nonzero: { vlan: 10, priorityTags: 'if-nonzero' },
    always: { vlan: 10, priorityTags: 'always' },
    native: { mode: 'native-untagged', vlan: 10, priorityTags: 'if-nonzero' },
    tunnel: { mode: 'dot1q-tunnel', vlan: 10, priorityTags: 'always' },
  } as const;
  test.each([
    [[{ vid: 10, pcp: 3 }], 'never=untagged nonzero=8100:0p3 always=8100:0p3 native=8100:0p3 tunnel=8100:0p3'],
    [
      [{ vid: 10, pcp: 3, dei: 1 }],
      'never=untagged nonzero=8100:0p3d always=8100:0p3d native=8100:0p3d tunnel=8100:0p3d',
    ],
    [[10], 'never=untagged nonzero=untagged always=8100:0 native=untagged tunnel=8100:0'],
    [[{ vid: 10, pcp: 3 }, 5], 'native=8100:5 tunnel=8100:5'],
  ])('%j', (tags, expected) => {
    expect(new Lan(ports).outcome('in', frame({ tags }))).toBe(expected);
  });

  test('the priority survives access -> access by a priority tag, and access -> trunk', () => {
    const lan = new Lan({ a: {}, b: { priorityTags: 'if-nonzero' }, t: { mode: 'trunk', vlan: 0 } });
    expect(lan.outcome('a', frame({ tags: [P(0)] }))).toBe('b=8100:0p5d t=8100:1p5d');
  });
});

test('every size up to the MTU passes a double tag, one byte more does not', () => {
  const lan = new Lan({ tunnel: { mode: 'dot1q-tunnel', vlan: 100 }, trunk: { mode: 'trunk', vlan: 0, mtu: 200 } });
  expect(lan.outcome('tunnel', frame({ tags: [5], payload: 200 }))).toBe('trunk=88a8:100+8100:5');
  expect(lan.outcome('tunnel', frame({ tags: [5], payload: 201 }))).toBe('drop OVER_MTU');
});
