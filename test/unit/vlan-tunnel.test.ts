/** dot1q-tunnel, transparent and priority tags, beyond the table of support/vlan-tables.ts. */
import { describe, expect, test } from 'vitest';
import { frame, mac } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { P, portConfigs, Q, S, VLAN_TABLES } from '../support/vlan-tables.ts';

const PORTS = portConfigs(VLAN_TABLES[1]!);

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
