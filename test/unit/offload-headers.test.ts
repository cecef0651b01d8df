/** Finding the transport header: right where there is one, and false, not a guess, where the frame does not hold it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IpHeaders } from '../../src/frame/ip.ts';
import { PLAN, type Plan, plans, superFrame } from './offload-frames.ts';

const numRuns = process.env['TSWITCH_LONG'] ? 4_000 : 500;
const LEAD_BYTES = 5;
const IPV6: Plan = { ...PLAN, version: 6 };
const EXTENDED: Plan = { ...IPV6, extensions: [{ type: 0, body: new Uint8Array(6) }] };

/** Looks at the first `length` bytes of `frame`, the others being there but not part of it. */
function locate(frame: Uint8Array, length: number): IpHeaders | null {
  const bytes = new Uint8Array(LEAD_BYTES + frame.length);
  bytes.set(frame, LEAD_BYTES);
  const ip = new IpHeaders();
  return ip.locate(bytes, LEAD_BYTES, length) ? ip : null;
}

/** The frame of a plan with bytes put over some of its own. */
function changed(plan: Plan, offset: number, put: number[]): Uint8Array {
  const { frame } = superFrame(plan);
  frame.set(put, offset);
  return frame;
}

test('finds IP, protocol, transport header and end behind tags, options and extension headers', () => {
  fc.assert(
    fc.property(plans(), fc.nat(40), (plan, padding) => {
      const { frame, headerBytes } = superFrame(plan);
      const padded = Uint8Array.from([...frame, ...new Uint8Array(padding)]);
      const ip = locate(padded, padded.length)!;
      const transportBytes = plan.protocol === 'udp' ? 8 : 20 + plan.tcpOptions.length;
      expect(ip.version).toBe(plan.version);
      expect(ip.network).toBe(14 + 4 * plan.tags.length);
      expect(ip.transport).toBe(headerBytes - transportBytes);
      expect(ip.protocol).toBe(plan.protocol === 'tcp' ? 6 : 17);
      expect(ip.end).toBe(frame.length);
      expect(ip.routed).toBe(plan.extensions.some((extension) => extension.type === 43));
    }),
    { numRuns },
  );
});

test('a frame cut short is refused, whatever lies behind it', () => {
  fc.assert(
    fc.property(plans(), fc.double({ min: 0, max: 1, noNaN: true }), (plan, part) => {
      const { frame } = superFrame({ ...plan, payload: plan.payload.subarray(0, 50) });
      expect(locate(frame, Math.min(frame.length - 1, Math.floor(frame.length * part)))).toBeNull();
    }),
    { numRuns: numRuns * 2 },
  );
});

describe('refuses', () => {
  const cases: [string, Uint8Array][] = [
    ['another EtherType', changed(PLAN, 12, [8, 6])],
    ['IPv6 said to be IPv4', changed(PLAN, 14, [0x65])],
    ['an IPv4 header of 16 bytes', changed(PLAN, 14, [0x44])],
    ['an IPv4 length that ends inside the IPv4 header', changed(PLAN, 16, [0, 19])],
    ['an IPv4 length beyond the frame', changed(PLAN, 16, [0xff, 0xff])],
    ['a first fragment', changed(PLAN, 20, [0x20, 0])],
    ['a later fragment', changed(PLAN, 20, [0x00, 1])],
    ['IPv4 said to be IPv6', changed(IPV6, 14, [0x45])],
    ['an IPv6 length beyond the frame', changed(IPV6, 18, [0xff, 0xff])],
    ['an extension header that begins behind the end', changed(IPV6, 18, [0, 0, 60])],
    ['an extension header that ends behind the end', changed(EXTENDED, 18, [0, 8, 0, 64, ...new Uint8Array(32), 6, 1])],
  ];
  test.each(cases)('%s', (_, frame) => {
    expect(locate(frame, frame.length)).toBeNull();
  });

  test('a chain of tags or extension headers that goes on for too long', () => {
    const tags = Array.from({ length: 200 }, () => ({ tpid: 0x8100, tci: 1 }));
    const tagged = superFrame({ ...PLAN, tags }).frame;
    expect(locate(tagged, tagged.length)).toBeNull();
    const extensions = Array.from({ length: 100 }, () => ({ type: 60, body: new Uint8Array(6) }));
    const extended = superFrame({ ...IPV6, extensions }).frame;
    expect(locate(extended, extended.length)).toBeNull();
  });
});

test('a datagram may end with its IP headers', () => {
  const bare = changed(PLAN, 16, [0, 20]);
  expect(locate(bare, 34)?.transport).toBe(34);
  const bare6 = changed(IPV6, 18, [0, 0]);
  expect(locate(bare6, 54)?.end).toBe(54);
});
