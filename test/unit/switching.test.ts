/** What a bridge must do with frames, beyond VLANs (IEEE 802.1D/802.1Q), and the counting rules. */
import { describe, expect, test } from 'vitest';
import { EINVAL, ENOBUFS } from '../../native-bindings/abi/errno.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import type { PortConfig } from '../../src/shared/commands.ts';
import { Lan } from '../support/lan.ts';

const FOUR = { a: {}, b: {}, c: {}, d: {} };
const MULTICAST = '01:00:5e:00:00:01';

describe('flooding and learning', () => {
  test.each([BROADCAST, MULTICAST, mac(9)])('%s goes to all other ports, never back', (dst) => {
    expect(new Lan(FOUR).outcome('b', frame({ dst }))).toBe('a=untagged c=untagged d=untagged');
  });

  test('a known destination gets it alone', () => {
    const lan = new Lan(FOUR);
    lan.send('c', frame({ src: mac(3) }));
    expect(lan.outcome('a', frame({ dst: mac(3), src: mac(1) }))).toBe('c=untagged');
    expect(lan.outcome('c', frame({ dst: mac(1), src: mac(3) }))).toBe('a=untagged');
  });

  test('a destination on the ingress port gets nothing', () => {
    const lan = new Lan(FOUR);
    lan.send('a', frame({ src: mac(1) }));
    expect(lan.outcome('a', frame({ dst: mac(1), src: mac(2) }))).toBe('drop HAIRPIN');
  });

  test('an address moves with its last frame', () => {
    const lan = new Lan(FOUR);
    lan.send('a', frame({ src: mac(1) }));
    lan.send('d', frame({ src: mac(1) }));
    expect(lan.outcome('b', frame({ dst: mac(1), src: mac(2) }))).toBe('d=untagged');
  });

  test.each(['01:00:00:00:00:01', BROADCAST, '00:00:00:00:00:00'])('source %s is refused and not learned', (src) => {
    const lan = new Lan(FOUR);
    expect(lan.outcome('a', frame({ src }))).toBe('drop SOURCE_NOT_UNICAST');
    expect(lan.fdb.count).toBe(0);
  });

  test('ageing: gone after the ageing time, refreshed by use', () => {
    const lan = new Lan(FOUR, { ageingSeconds: 10 });
    lan.send('a', frame({ src: mac(1) }));
    lan.seconds = 9;
    lan.send('a', frame({ src: mac(1) }));
    lan.seconds = 19;
    expect(lan.outcome('b', frame({ dst: mac(1), src: mac(2) }))).toBe('a=untagged');
    lan.seconds = 19.2;
    expect(lan.outcome('b', frame({ dst: mac(1), src: mac(2) }))).toBe('a=untagged c=untagged d=untagged');
    lan.seconds = 40;
    expect(lan.fdb.sweep(lan.ticks)).toBe(2);
    expect(lan.fdb.count).toBe(0);
  });

  test('learning off: frames pass, the address stays unknown', () => {
    const lan = new Lan({ ...FOUR, a: { learning: false } });
    lan.send('a', frame({ src: mac(1) }));
    expect(lan.outcome('b', frame({ dst: mac(1), src: mac(2) }))).toBe('a=untagged c=untagged d=untagged');
  });
});

describe('reserved addresses', () => {
  test('01-80-C2-00-00-00 to 0F are not forwarded, their neighbours are', () => {
    const lan = new Lan(FOUR);
    for (let last = 0; last < 16; last++) {
      const dst = `01:80:c2:00:00:0${last.toString(16)}`;
      expect(lan.outcome('a', frame({ dst }))).toBe('drop RESERVED_ADDRESS');
    }
    for (const dst of ['01:80:c2:00:00:10', '01:80:c2:00:00:20', '01:80:c2:00:01:00']) {
      expect(lan.outcome('a', frame({ dst }))).toBe('b=untagged c=untagged d=untagged');
    }
  });

  test.each<[string, Partial<PortConfig>, number[]]>([
    ['access, untagged', {}, []],
    ['access, priority tag', {}, [0]],
    ['trunk, tagged', { mode: 'trunk', vlan: 0 }, [1]],
    ['native, untagged', { mode: 'native-untagged' }, []],
    ['native, tagged', { mode: 'native-tagged' }, [1]],
    ['tunnel, own tag', { mode: 'dot1q-tunnel' }, [5]],
    ['transparent, own tag', { mode: 'transparent' }, [5]],
  ])('%s: each of the 16 is dropped, and forwarded once it is set to be', (_, config, tags) => {
    const lan = new Lan({ in: config, out: { mode: 'trunk', vlan: 0 } });
    for (let last = 0; last < 16; last++) {
      const sent = frame({ dst: `01:80:c2:00:00:0${last.toString(16)}`, tags });
      expect(lan.outcome('in', sent)).toBe('drop RESERVED_ADDRESS');
      lan.reserved(last, true);
      expect(lan.outcome('in', sent)).toMatch(/^out=/);
    }
  });

  test('one that is set to forward is flooded', () => {
    const lan = new Lan(FOUR);
    lan.reserved(0xe, true);
    expect(lan.outcome('a', frame({ dst: '01:80:c2:00:00:0e' }))).toBe('b=untagged c=untagged d=untagged');
    expect(lan.outcome('a', frame({ dst: '01:80:c2:00:00:0d' }))).toBe('drop RESERVED_ADDRESS');
  });

  test.each(['10', '20', '21', '2f'])('01-80-C2-00-00-%s is forwarded unless it is set to be dropped', (last) => {
    const lan = new Lan(FOUR);
    const dst = `01:80:c2:00:00:${last}`;
    expect(lan.outcome('a', frame({ dst }))).toBe('b=untagged c=untagged d=untagged');
    lan.reserved(parseInt(last, 16), false);
    expect(lan.outcome('a', frame({ dst }))).toBe('drop RESERVED_ADDRESS');
  });
});

describe('port settings', () => {
  test('isolated ports reach only ports that are not', () => {
    const lan = new Lan({ ...FOUR, a: { isolated: true }, b: { isolated: true } });
    expect(lan.outcome('a', frame())).toBe('c=untagged d=untagged');
    expect(lan.outcome('c', frame({ src: mac(3) }))).toBe('a=untagged b=untagged d=untagged');
    lan.send('b', frame({ src: mac(2) }));
    expect(lan.outcome('a', frame({ dst: mac(2), src: mac(1) }))).toBe('drop ISOLATED');
    expect(lan.outcome('c', frame({ dst: mac(2), src: mac(3) }))).toBe('b=untagged');
  });

  test.each([
    ['floodUnknown', mac(9)],
    ['floodMulticast', MULTICAST],
    ['floodBroadcast', BROADCAST],
  ] as const)('%s off keeps only those out of the port', (flag, closed) => {
    const lan = new Lan({ ...FOUR, b: { [flag]: false } });
    for (const dst of [mac(9), MULTICAST, BROADCAST]) {
      expect(lan.outcome('a', frame({ dst }))).toBe(
        dst === closed ? 'c=untagged d=untagged' : 'b=untagged c=untagged d=untagged',
      );
    }
  });

  test('a port that is down neither takes nor gets frames', () => {
    const lan = new Lan({ ...FOUR, b: { up: false } });
    expect(lan.outcome('b', frame({ src: mac(2) }))).toBe('drop INGRESS_DOWN');
    expect(lan.fdb.count).toBe(0);
    expect(lan.outcome('a', frame())).toBe('c=untagged d=untagged');
    lan.configure('b', { up: true });
    lan.give(mac(2), 1, 'b', 'static');
    lan.configure('b', { up: false });
    expect(lan.outcome('a', frame({ dst: mac(2), src: mac(1) }))).toBe('drop EGRESS_DOWN');
  });
});

describe('sizes', () => {
  test.each([
    [1500, [], 'b=untagged'],
    [1501, [], 'drop OVER_MTU'],
    [1500, [10], 't=8100:10'],
    [1501, [10], 'drop OVER_MTU'],
    [1500, [10, 20], 't=8100:10+8100:20'],
  ])('payload %i, tags %j', (payload, tags, expected) => {
    const lan =
      tags.length === 0
        ? new Lan({ a: {}, b: {} })
        : new Lan({ a: { mode: 'trunk', vlan: 0 }, t: { mode: 'trunk', vlan: 0 } });
    expect(lan.outcome('a', frame({ payload, tags }))).toBe(expected);
  });

  test('jumbo: 9000 bytes pass where both sides take them', () => {
    const lan = new Lan({ a: { mtu: 9000 }, b: { mtu: 9000 }, c: {} });
    const sent = frame({ payload: 9000 });
    expect(lan.send('a', sent)).toEqual(new Map([['b', [sent]]]));
    expect(lan.drops()).toEqual({ OVER_MTU: 1 });
  });

  test.each([0, 1, 13])('%i bytes are a runt', (length) => {
    expect(new Lan(FOUR).outcome('a', frame().slice(0, length))).toBe('drop RUNT');
  });

  test.each([14, 15, 16, 17])('a tag that ends after %i bytes is refused', (length) => {
    expect(new Lan(FOUR).outcome('a', frame({ tags: [10] }).slice(0, length))).toBe('drop TRUNCATED_TAG');
  });

  test('what a tag taken off leaves is not padded: the netdev knows what its medium needs', () => {
    const lan = new Lan({ t: { mode: 'trunk', vlan: 0 }, a: {} });
    const [left] = lan.send('t', frame({ tags: [1], payload: 42 })).get('a')!;
    expect(left).toEqual(frame({ payload: 42 }));
  });

  test('a bare header, a length-type frame and a tag without payload pass', () => {
    const lan = new Lan({ a: {}, b: {}, t: { mode: 'trunk', vlan: 0 } });
    expect(lan.outcome('a', frame({ payload: 0 }))).toBe('b=untagged t=8100:1');
    expect(lan.outcome('a', frame({ etherType: 46 }))).toBe('b=untagged t=8100:1');
    expect(lan.outcome('t', frame({ tags: [1], payload: 0 }))).toBe('a=untagged b=untagged');
  });
});

describe('counting', () => {
  test('every frame taken is forwarded, flooded or dropped, and every copy sent or dropped', () => {
    const lan = new Lan({ ...FOUR, d: { mtu: 100 } });
    lan.send('a', frame({ src: mac(1) }));
    lan.send('b', frame({ src: mac(2), dst: mac(1) }));
    lan.send('c', frame({ src: mac(3), payload: 200 }));
    lan.send('c', frame({ src: mac(3), dst: mac(3) }));
    lan.port('a').refuse = () => ENOBUFS;
    lan.send('b', frame({ src: mac(2), dst: mac(1) }));
    lan.port('a').refuse = () => EINVAL;
    lan.send('b', frame({ src: mac(2) }));
    expect(lan.balance()).toEqual({ taken: 6, accounted: 6, copies: 11, left: 11 });
    expect(lan.drops()).toEqual({ HAIRPIN: 1, OVER_MTU: 1, EGRESS_FULL: 1, BAD_OFFLOAD: 1 });
    expect(lan.count('d', 'TX_DROPS')).toBe(1);
    expect(lan.count('a', 'TX_DROPS')).toBe(2);
    expect(lan.count('c', 'DROPPED')).toBe(1);
    expect(lan.count('b', 'RX_BYTES')).toBe(3 * 60);
  });

  test('a flood that reaches nobody is dropped', () => {
    const lan = new Lan({ a: { vlan: 10 }, b: { vlan: 20 } });
    expect(lan.outcome('a', frame())).toBe('drop NO_EGRESS');
    expect(lan.balance()).toEqual({ taken: 1, accounted: 1, copies: 0, left: 0 });
  });
});

test('a batch larger than the gather list arrives whole and in order', () => {
  const lan = new Lan({ a: {}, b: {}, c: { mode: 'trunk', vlan: 0 } });
  const frames = Array.from({ length: 1000 }, (_, n) => frame({ payload: Uint8Array.of(n >>> 8, n & 0xff) }));
  for (const one of frames) lan.port('a').inject(one);
  lan.run();
  expect(lan.port('b').sent).toEqual(frames);
  expect(lan.port('c').sent.map((bytes) => (bytes[18]! << 8) | bytes[19]!)).toEqual(frames.map((_, n) => n));
});
