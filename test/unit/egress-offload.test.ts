/** What egress makes of unfinished frames, by what the port's other side takes. */
import { describe, expect, test } from 'vitest';
import { EINVAL } from '../../native-bindings/abi/errno.ts';
import { OFFLOADS_ALL } from '../../src/shared/commands.ts';
import { Lan } from '../support/lan.ts';
import { frame, tagsOf } from '../support/frames.ts';

/** virtio-net header of a TCP/IPv4 super-frame with the given segment size, as the kernel writes it. */
function gsoHeader(gsoSize: number): Uint8Array {
  return Uint8Array.of(1, 1, 54, 0, gsoSize & 0xff, gsoSize >>> 8, 34, 0, 16, 0);
}

/** A TCP/IPv4 frame with `payloadBytes` of payload; the checksum field holds what a sender leaves in it. */
function tcpFrame(payloadBytes: number, tags: number[] = []): Uint8Array {
  const total = 40 + payloadBytes;
  const ip = [0x45, 0, total >>> 8, total & 0xff, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const tcp = [0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
  const payload = Uint8Array.from([...ip, ...tcp, ...new Uint8Array(payloadBytes).fill(0x5a)]);
  return frame({ tags, etherType: 0x0800, payload });
}

const PORTS = { a: {}, b: { offloads: OFFLOADS_ALL }, c: {} };

describe('a super-frame', () => {
  test('passes whole where it is taken, and as wire frames where not', () => {
    const lan = new Lan(PORTS);
    const sent = lan.send('a', tcpFrame(4000), gsoHeader(1000));
    expect(sent.get('b')).toEqual([tcpFrame(4000)]);
    expect(sent.get('c')!.map(({ length }) => length)).toEqual([1054, 1054, 1054, 1054]);
    expect([lan.count('a', 'RX_FRAMES'), lan.count('a', 'RX_SUPER_FRAMES')]).toEqual([1, 1]);
    expect([lan.count('b', 'TX_FRAMES'), lan.count('b', 'TX_SUPER_FRAMES'), lan.count('b', 'TX_SEGMENTS')]).toEqual([
      1, 1, 0,
    ]);
    expect([lan.count('c', 'TX_FRAMES'), lan.count('c', 'TX_SUPER_FRAMES'), lan.count('c', 'TX_SEGMENTS')]).toEqual([
      1, 0, 4,
    ]);
    expect(lan.count('c', 'TX_BYTES')).toBe(4 * 1054);
  });

  test('is measured by its wire frames, not by its own length', () => {
    const lan = new Lan({ a: {}, b: { offloads: OFFLOADS_ALL, mtu: 1040 }, c: { offloads: OFFLOADS_ALL, mtu: 1039 } });
    expect(lan.outcome('a', tcpFrame(4000), gsoHeader(1000))).toBe('b=untagged drop OVER_MTU');
  });

  test('gets its tag on every segment', () => {
    const lan = new Lan({ a: { vlan: 7 }, t: { mode: 'trunk', vlan: 0 } });
    expect(lan.outcome('a', tcpFrame(3000), gsoHeader(1000))).toBe('t=8100:7,8100:7,8100:7');
  });

  test('from a tunnel keeps its own tag inside the service tag, whole and on every segment', () => {
    const lan = new Lan({
      a: { mode: 'dot1q-tunnel', vlan: 100 },
      t: { mode: 'trunk', vlan: 0 },
      u: { mode: 'trunk', vlan: 0, offloads: OFFLOADS_ALL },
    });
    const header = gsoHeader(1000);
    header[6] = 38;
    const sent = lan.send('a', tcpFrame(3000, [5]), header);
    expect(sent.get('t')!.map(tagsOf)).toEqual(['88a8:100+8100:5', '88a8:100+8100:5', '88a8:100+8100:5']);
    expect(sent.get('u')).toHaveLength(1);
    const plain = new Lan({ a: {}, c: {} }).send('a', tcpFrame(3000), gsoHeader(1000)).get('c')!;
    expect(sent.get('t')!.map((bytes) => bytes.slice(20))).toEqual(plain.map((bytes) => bytes.slice(12)));
  });

  test('that arrives tagged in its bytes leaves untagged, with its offsets moved', () => {
    const lan = new Lan({ t: { mode: 'trunk', vlan: 0 }, c: { vlan: 7 } });
    const header = gsoHeader(1000);
    header[6] = 38;
    const sent = lan.send('t', tcpFrame(3000, [7]), header).get('c')!;
    const plain = new Lan({ a: {}, c: {} }).send('a', tcpFrame(3000), gsoHeader(1000)).get('c')!;
    expect(sent).toEqual(plain);
  });

  test.each([
    ['no segment size', gsoHeader(0)],
    ['an unknown kind', Uint8Array.of(1, 7, 54, 0, 232, 3, 34, 0, 16, 0)],
    ['the wrong protocol', Uint8Array.of(1, 5, 54, 0, 232, 3, 34, 0, 6, 0)],
  ])('with %s is dropped at every egress', (_, header) => {
    const lan = new Lan(PORTS);
    expect(lan.outcome('a', tcpFrame(4000), header)).toBe('drop BAD_OFFLOAD');
    expect(lan.drops()).toEqual({ BAD_OFFLOAD: 2 });
  });

  test('that asks for tens of thousands of segments is refused', () => {
    const lan = new Lan({ a: {}, c: {} });
    expect(lan.outcome('a', tcpFrame(40_000), gsoHeader(1))).toBe('drop BAD_OFFLOAD');
  });
});

describe('a refused segment costs its own super-frame, and no other', () => {
  test.each([
    ['the first segment of the first', 0],
    ['the last segment of the first', 3],
    ['the first segment of the second', 4],
    ['the last segment of the second', 7],
  ])('%s', (_, refused) => {
    const lan = new Lan({ a: {}, c: {} });
    lan.port('c').refuse = (n) => (n === refused ? EINVAL : 0);
    for (let k = 0; k < 2; k++) lan.port('a').inject(tcpFrame(4000), gsoHeader(1000));
    lan.run();
    expect([lan.count('c', 'TX_FRAMES'), lan.count('c', 'TX_DROPS'), lan.count('c', 'TX_SEGMENTS')]).toEqual([1, 1, 7]);
    expect(lan.balance()).toMatchObject({ copies: 2, left: 2 });
  });

  test('also where its segments do not fit one send', () => {
    const lan = new Lan({ a: {}, c: {} });
    lan.port('c').refuse = (n) => (n === 5 ? EINVAL : 0);
    for (let k = 0; k < 2; k++) lan.port('a').inject(tcpFrame(30_000), gsoHeader(100));
    lan.run();
    expect([lan.count('c', 'TX_FRAMES'), lan.count('c', 'TX_DROPS'), lan.count('c', 'TX_SEGMENTS')]).toEqual([
      1, 1, 599,
    ]);
  });
});

test('an unfinished checksum is finished for who does not take it', () => {
  const lan = new Lan(PORTS);
  const header = Uint8Array.of(1, 0, 0, 0, 0, 0, 34, 0, 16, 0);
  const sent = lan.send('a', tcpFrame(100), header);
  const [whole] = sent.get('c')!;
  let sum = 0;
  for (let at = 34; at < whole!.length; at += 2) sum += (whole![at]! << 8) | whole![at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  expect(sum).toBe(0xffff);
});
