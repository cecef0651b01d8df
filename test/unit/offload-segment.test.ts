/** Segmentation against wire frames built from nothing, and against headers that lie. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { segmentCount, segmentLength, Segmenter } from '../../src/frame/offload/segment.ts';
import { expectedSegments, PLAN, type Plan, plans, ROUTING, superFrame } from './offload-frames.ts';

const numRuns = process.env['TSWITCH_LONG'] ? 4_000 : 500;
const VNET_HEADER_BYTES = 10;
const HEAD_BYTES = 640;

/** [filler][room for a head][filler][virtio-net header][frame][filler] */
function inMemory(header: ArrayLike<number>, frame: ArrayLike<number>, lead = 16, fill = 0xa5) {
  const head = lead;
  const headerAt = head + HEAD_BYTES + 8;
  const frameAt = headerAt + VNET_HEADER_BYTES;
  const bytes = new Uint8Array(frameAt + frame.length + 32).fill(fill);
  bytes.set(header, headerAt);
  bytes.set(frame, frameAt);
  return { bytes, head, header: headerAt, frame: frameAt, length: frame.length };
}
type Placed = ReturnType<typeof inMemory>;

/** Cuts with a Segmenter, checking that it writes nowhere but into the head. */
function cut(at: Placed, segmenter = new Segmenter()): Uint8Array[] {
  const count = segmenter.begin(at.bytes, at.header, at.frame, at.length);
  expect(segmentCount(at.bytes, at.header, at.frame, at.length)).toBe(count);
  const before = at.bytes.slice();
  const segments: Uint8Array[] = [];
  for (let k = 0; k < count; k++) {
    segmenter.writeHeaders(k, at.head);
    const payload = at.bytes.subarray(segmenter.payloadAt(k), segmenter.payloadAt(k) + segmenter.payloadBytes(k));
    segments.push(Uint8Array.from([...at.bytes.subarray(at.head, at.head + segmenter.headerBytes), ...payload]));
    at.bytes.set(before.subarray(at.head, at.head + segmenter.headerBytes), at.head);
  }
  expect(Buffer.compare(at.bytes, before)).toBe(0);
  return segments;
}

function place(plan: Plan, lead?: number): Placed {
  const { header, frame } = superFrame(plan);
  return inMemory(header, frame, lead);
}

/** The count for a super-frame with some of its bytes changed. */
function countOf(plan: Plan, change: (bytes: Uint8Array, header: number, frame: number) => void, shorter = 0): number {
  const at = place(plan);
  change(at.bytes, at.header, at.frame);
  const count = segmentCount(at.bytes, at.header, at.frame, at.length - shorter);
  const longest = segmentLength(at.bytes, at.header, at.frame, at.length - shorter);
  expect(longest === 0).toBe(count === 0);
  return count;
}

describe('segments', () => {
  test('are, bit for bit, the frames that the sender would have put on a wire', () => {
    const segmenter = new Segmenter();
    fc.assert(
      fc.property(plans(), fc.nat(5), (plan, lead) => {
        const at = place(plan, lead);
        const segments = cut(at, segmenter);
        const expected = expectedSegments(plan);
        expect(segments.map((segment) => segment.length)).toEqual(expected.map((segment) => segment.length));
        expect(Buffer.compare(Buffer.concat(segments), Buffer.concat(expected))).toBe(0);
        const longest = Math.max(...segments.map((segment) => segment.length));
        expect(segmentLength(at.bytes, at.header, at.frame, at.length)).toBe(longest);
        const { headerBytes } = superFrame(plan);
        const payload = Buffer.concat(segments.map((segment) => segment.subarray(headerBytes)));
        expect(Buffer.compare(payload, plan.payload)).toBe(0);
      }),
      { numRuns },
    );
  });

  const cases: [string, Partial<Plan>, number][] = [
    ['TCP over IPv4', {}, 4],
    ['TCP over IPv6', { version: 6 }, 4],
    ['UDP over IPv4', { protocol: 'udp' }, 4],
    ['UDP over IPv6', { protocol: 'udp', version: 6 }, 4],
    ['a gso_size of 1', { gsoSize: 1, payload: PLAN.payload.subarray(0, 777) }, 777],
    ['an odd gso_size', { gsoSize: 333 }, 16],
    ['payload a multiple of gso_size', { gsoSize: 1000 }, 5],
    ['payload no longer than gso_size', { gsoSize: 5000, tcpFlags: 0x99 }, 1],
    ['no payload', { payload: new Uint8Array(0) }, 1],
    ['an inner tag', { tags: [{ tpid: 0x8100, tci: 0x6123 }] }, 4],
    ['FIN, PSH and CWR', { tcpFlags: 0x99, ecn: true }, 4],
    ['AccECN: CWR without the ECN bit', { tcpFlags: 0x98 }, 4],
    ['sequence and ID that wrap', { sequence: 0xfffffff0, ipId: 0xfffe }, 4],
    ['TCP without options', { tcpOptions: new Uint8Array(0) }, 4],
    ['a routing header', { version: 6, extensions: [ROUTING] }, 4],
    ['a checksum that a NIC has checked', { needsCsum: false }, 4],
    ['a full 64 KiB', { payload: Uint8Array.from({ length: 65_535 - 52 }, (_, i) => i ^ (i >>> 8)) }, 46],
  ];
  test.each(cases)('%s', (_, change, count) => {
    const plan = { ...PLAN, ...change };
    const segments = cut(place(plan));
    expect(segments.length).toBe(count);
    expect(segments).toEqual(expectedSegments(plan));
  });

  test('flags: FIN and PSH on the last alone, CWR on the first alone if it is that of RFC 3168, all others on each', () => {
    const flags = (ecn: boolean) =>
      cut(place({ ...PLAN, tcpFlags: 0xff, ecn })).map((segment) => segment[14 + 20 + 13]);
    expect(flags(true)).toEqual([0xf6, 0x76, 0x76, 0x7f]);
    expect(flags(false)).toEqual([0xf6, 0xf6, 0xf6, 0xff]);
  });

  test('a UDP checksum that comes out as zero is sent as all ones', () => {
    const zeroed: Plan = { ...PLAN, protocol: 'udp', gsoSize: 100, payload: new Uint8Array(200).fill(9) };
    const [first] = expectedSegments(zeroed);
    // Adding the old checksum to a payload word makes the sum all ones.
    const word = ((9 << 8) | 9) + ((first![40]! << 8) | first![41]!);
    const carried = (word & 0xffff) + (word >>> 16);
    zeroed.payload.set([carried >>> 8, carried & 255], 0);
    const [segment] = cut(place(zeroed));
    expect([segment![40], segment![41]]).toEqual([0xff, 0xff]);
    expect(segment).toEqual(expectedSegments(zeroed)[0]);
  });

  test('hdr_len is not believed', () => {
    for (const claimed of [0, 1, 66, 0xffff]) {
      expect(countOf(PLAN, (bytes, header) => bytes.set([claimed & 255, claimed >>> 8], header + 2))).toBe(4);
    }
  });
});

describe('malformed', () => {
  const udp: Plan = { ...PLAN, protocol: 'udp' };
  const ipv6: Plan = { ...PLAN, version: 6 };
  const extended: Plan = { ...ipv6, extensions: [{ type: 0, body: new Uint8Array(6) }] };
  const transport4 = 14 + 20;
  const transport6 = 14 + 40;
  /** [what, super-frame, offset, bytes put there]; offsets below zero are in the virtio-net header. */
  const cases: [string, Plan, number, number[]][] = [
    ['gso_size zero', PLAN, -10 + 4, [0, 0]],
    ['no gso_type', PLAN, -10 + 1, [0]],
    ['only the ECN bit', PLAN, -10 + 1, [0x80]],
    ['UDP fragmentation', udp, -10 + 1, [3]],
    ['unknown gso_type', PLAN, -10 + 1, [6]],
    ['IPv6 type on IPv4', PLAN, -10 + 1, [4]],
    ['IPv4 type on IPv6', ipv6, -10 + 1, [1]],
    ['UDP type on TCP', PLAN, -10 + 1, [5]],
    ['TCP type on UDP', udp, -10 + 1, [1]],
    ['ECN on UDP', udp, -10 + 1, [0x85]],
    ['csum_start elsewhere', PLAN, -10 + 6, [38, 0]],
    ['csum_offset elsewhere', PLAN, -10 + 8, [6, 0]],
    ['another EtherType', PLAN, 12, [0x08, 0x06]],
    ['TPID 9100', PLAN, 12, [0x91, 0x00]],
    ['IPv6 EtherType on IPv4', PLAN, 12, [0x86, 0xdd]],
    ['IP version', PLAN, 14, [0x65]],
    ['IPv4 header of 16 bytes', PLAN, 14, [0x44]],
    ['IPv4 header over TCP', PLAN, 14, [0x46]],
    ['IPv4 total length of zero', PLAN, 16, [0, 0]],
    ['IPv4 total length too small', PLAN, 16, [0, 200]],
    ['IPv4 total length too large', PLAN, 16, [0xff, 0xff]],
    ['first fragment', PLAN, 20, [0x20, 0]],
    ['later fragment', PLAN, 20, [0, 1]],
    ['IPv4 protocol', PLAN, 23, [17]],
    ['TCP header of 16 bytes', PLAN, transport4 + 12, [0x40]],
    ['UDP length', udp, transport4 + 4, [0, 8]],
    ['IPv6 payload length', ipv6, 18, [0, 40]],
    ['jumbogram', ipv6, 18, [0, 0]],
    ['IPv6 fragment', ipv6, 20, [44]],
    ['ESP', ipv6, 20, [50]],
    ['extension header that overshoots', extended, transport6 + 1, [255]],
    ['extension header that swallows TCP', extended, transport6 + 1, [1]],
  ];
  test.each(cases)('%s', (_, plan, offset, put) => {
    expect(countOf(plan, () => undefined)).toBe(4);
    expect(countOf(plan, (bytes, _header, frame) => bytes.set(put, frame + offset))).toBe(0);
  });

  test('a routing header without a pseudo-header sum to go by', () => {
    expect(countOf({ ...ipv6, extensions: [ROUTING], needsCsum: false }, () => undefined)).toBe(0);
  });

  test('a TCP header longer than the frame', () => {
    const bare = { ...PLAN, tcpOptions: new Uint8Array(0), payload: new Uint8Array(3) };
    expect(countOf(bare, () => undefined)).toBe(1);
    expect(countOf(bare, (bytes, _header, frame) => bytes.set([0x60], frame + transport4 + 12))).toBe(0);
  });

  test('a frame cut short anywhere', () => {
    for (const plan of [PLAN, udp, ipv6, extended]) {
      const { frame } = superFrame(plan);
      for (let length = 0; length < 200; length++) {
        expect(countOf(plan, () => undefined, frame.length - length)).toBe(0);
      }
      expect(countOf(plan, () => undefined, 1)).toBe(0);
    }
  });

  test('endless tags and endless extension headers', () => {
    const tags = Array.from({ length: 3000 }, () => ({ tpid: 0x8100, tci: 1 }));
    expect(countOf({ ...PLAN, tags }, () => undefined)).toBe(0);
    const extensions = Array.from({ length: 3000 }, () => ({ type: 60, body: new Uint8Array(6) }));
    expect(countOf({ ...ipv6, extensions }, () => undefined)).toBe(0);
  });
});

describe('random headers', () => {
  /** Cuts the same thing amid zeros and amid ones: the outcome must depend on nothing outside the frame. */
  function isSameAmidOthers(header: ArrayLike<number>, frame: ArrayLike<number>): boolean {
    const [amidZeros, amidOnes] = [0x00, 0xff].map((fill) => cut(inMemory(header, frame, 16, fill)));
    return Buffer.compare(Buffer.concat(amidZeros!), Buffer.concat(amidOnes!)) === 0;
  }

  test('a super-frame with some bytes changed never throws, and is read and written in bounds', () => {
    const change = fc.tuple(fc.integer({ min: -10, max: 120 }), fc.nat(255));
    fc.assert(
      fc.property(plans(), fc.array(change, { maxLength: 4 }), fc.nat(100), (plan, changes, shorter) => {
        const built = superFrame({ ...plan, payload: plan.payload.subarray(0, 400) });
        const frame = built.frame.subarray(0, Math.max(0, built.frame.length - (shorter > 50 ? shorter : 0)));
        for (const [offset, value] of changes) {
          if (offset < 0) built.header[10 + offset] = value;
          else if (offset < frame.length) frame[offset] = value;
        }
        expect(isSameAmidOthers(built.header, frame)).toBe(true);
      }),
      { numRuns: numRuns * 4 },
    );
  });

  test('bytes from nowhere', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 10, maxLength: 10 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom([0x08, 0x00, 0x45], [0x86, 0xdd, 0x60], [0x81, 0x00, 0x00]),
        fc.constantFrom(1, 4, 5, 0x81, 0x84),
        (header, data, start, gsoType) => {
          header[1] = gsoType;
          if (data.length > 20) data.set(start, 12);
          expect(isSameAmidOthers(header, data)).toBe(true);
        },
      ),
      { numRuns: numRuns * 4 },
    );
  });

  test('every csum_start and csum_offset from 0 to 65535', () => {
    const at = place({ ...PLAN, payload: PLAN.payload.subarray(0, 100) });
    const segmenter = new Segmenter();
    const accepted: number[] = [];
    for (const field of [6, 8]) {
      const [low, high] = [at.bytes[at.header + field]!, at.bytes[at.header + field + 1]!];
      for (let value = 0; value <= 0xffff; value++) {
        at.bytes[at.header + field] = value & 255;
        at.bytes[at.header + field + 1] = value >>> 8;
        if (segmenter.begin(at.bytes, at.header, at.frame, at.length) > 0) accepted.push(value);
      }
      at.bytes.set([low, high], at.header + field);
    }
    expect(accepted).toEqual([34, 16]);
  });
});
