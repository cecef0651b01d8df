/** The internet checksum against plain arithmetic, and completion of what NEEDS_CSUM asks for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completeChecksum, sumBytes } from '../../src/frame/offload/checksum.ts';
import { crc32c } from '../../src/frame/offload/crc32c.ts';
import { PLAN, slowSum, superFrame } from './offload-frames.ts';

const numRuns = process.env['TSWITCH_LONG'] ? 20_000 : 1_000;
const VNET_HEADER_BYTES = 10;

/** Like toEqual, which takes milliseconds for what this compares at once. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

/** A virtio-net header and the frame behind it, `lead` bytes into memory that is otherwise filled. */
function inMemory(lead: number, fill: number, header: ArrayLike<number>, frame: ArrayLike<number>) {
  const bytes = new Uint8Array(lead + VNET_HEADER_BYTES + frame.length + 32).fill(fill);
  bytes.set(header, lead);
  bytes.set(frame, lead + VNET_HEADER_BYTES);
  return { bytes, header: lead, frame: lead + VNET_HEADER_BYTES, length: frame.length };
}

function vnetHeader(start: number, offset: number, flags = 1, gsoType = 0): number[] {
  return [flags, gsoType, 0, 0, 0, 0, start & 255, start >>> 8, offset & 255, offset >>> 8];
}

function complete(start: number, offset: number, frame: ArrayLike<number>) {
  const at = inMemory(6, 0xaa, vnetHeader(start, offset), frame);
  const done = completeChecksum(at.bytes, at.header, at.frame, at.length);
  return { done, header: at.bytes.slice(6, 16), frame: at.bytes.slice(16, 16 + at.length), all: at.bytes };
}

describe('sum', () => {
  test('is that of RFC 1071 at every alignment, length and view offset', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000, size: 'max' }),
        fc.nat(7),
        fc.nat(9),
        fc.nat(9),
        (data, viewOffset, head, tail) => {
          const memory = new Uint8Array(viewOffset + data.length + 3);
          const bytes = memory.subarray(viewOffset);
          bytes.set(data);
          const from = Math.min(head, data.length);
          const to = Math.max(from, data.length - tail);
          expect(sumBytes(bytes, from, to)).toBe(slowSum(data.subarray(from, to)));
        },
      ),
      { numRuns },
    );
  });

  test('carries never overflow: 64 KiB of ones, also in shared memory', () => {
    const ones = new Uint8Array(new SharedArrayBuffer(65_560)).fill(0xff);
    for (const from of [0, 1, 2, 3]) {
      for (const to of [65_560, 65_559, 65_558, 65_557]) {
        expect(sumBytes(ones, from, to)).toBe(slowSum(ones.subarray(from, to)));
      }
    }
  });

  test('of nothing and of zeros is zero', () => {
    const zeros = new Uint8Array(200);
    expect(sumBytes(zeros, 5, 5)).toBe(0);
    expect(sumBytes(zeros, 1, 200)).toBe(0);
  });
});

describe('completion', () => {
  test('makes the checksum right, clears the request and touches nothing else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 2000, size: 'max' }),
        fc.integer({ min: 14, max: 37 }),
        fc.constantFrom(2, 6, 16),
        fc.nat(5),
        (data, start, offset, lead) => {
          const field = start + offset;
          fc.pre(field + 2 <= data.length);
          const at = inMemory(lead, 0x55, vnetHeader(start, offset), data);
          expect(completeChecksum(at.bytes, at.header, at.frame, at.length)).toBe(true);
          const done = at.bytes.slice(at.frame, at.frame + at.length);
          const checksum = (done[field]! << 8) | done[field + 1]!;
          const wanted = 0xffff - slowSum(data.subarray(start));
          expect(checksum).toBe(offset === 6 && wanted === 0 ? 0xffff : wanted);
          const untouched = inMemory(lead, 0x55, new Uint8Array(10), data);
          untouched.bytes.set(at.bytes.subarray(at.frame + field, at.frame + field + 2), at.frame + field);
          expectSame(at.bytes, untouched.bytes);
        },
      ),
      { numRuns },
    );
  });

  test('a result of zero becomes all ones for UDP alone', () => {
    const ones = new Uint8Array(66).fill(0xff, 34, 36);
    expect(complete(34, 6, ones).frame.slice(40, 42)).toEqual(Uint8Array.of(0xff, 0xff));
    expect(complete(34, 16, ones).frame.slice(50, 52)).toEqual(Uint8Array.of(0, 0));
  });

  test('a field outside the frame, or among its addresses, is refused and nothing is touched', () => {
    const data = Uint8Array.from({ length: 60 }, (_, i) => i);
    for (const [start, offset] of [
      [59, 0],
      [60, 0],
      [34, 25],
      [34, 0xffff],
      [0xffff, 0xffff],
      [0, 6],
      [13, 16],
    ] as const) {
      const result = complete(start, offset, data);
      expect(result.done).toBe(false);
      expect(result.all).toEqual(inMemory(6, 0xaa, vnetHeader(start, offset), data).bytes);
    }
    expect(complete(58, 0, data).done).toBe(true);
  });

  test('nothing asked for: nothing done; a super-frame is refused', () => {
    const data = new Uint8Array(60).fill(3);
    const finished = inMemory(0, 0, vnetHeader(34, 16, 2), data);
    expect(completeChecksum(finished.bytes, 0, 10, 60)).toBe(true);
    expect(finished.bytes).toEqual(inMemory(0, 0, vnetHeader(34, 16, 2), data).bytes);
    const cut = superFrame(PLAN);
    const whole = inMemory(0, 0, cut.header, cut.frame);
    expect(completeChecksum(whole.bytes, 0, 10, whole.length)).toBe(false);
    expect(whole.bytes).toEqual(inMemory(0, 0, cut.header, cut.frame).bytes);
  });
});

describe('SCTP', () => {
  /** IPv4 with protocol `protocol` and 32 bytes behind it. */
  function datagram(protocol: number): number[] {
    const ip = [0x45, 0, 0, 52, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    const link = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    return [...link, ...ip, ...Array.from({ length: 32 }, (_, i) => (i >= 8 && i < 12 ? 0 : i + 1))];
  }

  function slowCrc(bytes: ArrayLike<number>): number {
    let remainder = 0xffffffffn;
    for (let i = 0; i < bytes.length; i++) {
      remainder ^= BigInt(bytes[i]!);
      for (let bit = 0; bit < 8; bit++) remainder = remainder & 1n ? (remainder >> 1n) ^ 0x82f63b78n : remainder >> 1n;
    }
    return Number(remainder ^ 0xffffffffn);
  }

  test('the CRC has the value that every CRC-32C has for "123456789"', () => {
    const digits = new TextEncoder().encode('123456789');
    expect(crc32c(digits, 0, 9) >>> 0).toBe(0xe3069283);
  });

  test('gets its CRC instead, low byte first', () => {
    const result = complete(34, 8, datagram(132));
    expect(result.done).toBe(true);
    const crc = slowCrc(datagram(132).slice(34));
    expect(new DataView(result.frame.buffer).getUint32(42, true)).toBe(crc);
    expect(result.header).toEqual(new Uint8Array(10));
  });

  test('what stood in the field does not count', () => {
    const dirty = datagram(132);
    dirty.splice(42, 4, 1, 2, 3, 4);
    expect(complete(34, 8, dirty).frame).toEqual(complete(34, 8, datagram(132)).frame);
  });

  test('a checksum that begins behind the SCTP header is the internet checksum', () => {
    const result = complete(46, 8, datagram(132));
    expect(result.done).toBe(true);
    const wanted = 0xffff - slowSum(datagram(132).slice(46));
    expect(new DataView(result.frame.buffer).getUint16(54)).toBe(wanted);
    expect(result.frame.slice(56)).toEqual(Uint8Array.from(datagram(132).slice(56)));
  });

  test('another protocol with its checksum at the same place gets the internet checksum', () => {
    const result = complete(34, 8, datagram(200));
    expect(slowSum(result.frame.subarray(34))).toBe(0xffff);
  });

  test('a field that the frame holds only half of is refused', () => {
    const short = datagram(132).slice(0, 44);
    short[17] = 30;
    expect(complete(34, 8, short).done).toBe(false);
  });
});

test('random headers never throw, and never depend on or touch what lies around the frame', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(superFrame(PLAN).frame)),
      fc.nat(0xffff),
      fc.nat(0xffff),
      (header, data, start, offset) => {
        const fields = [header[0]! | 1, 0, ...header.subarray(2, 6), ...vnetHeader(start % 400, offset % 400).slice(6)];
        const wild = [header[0]! | 1, 0, ...header.subarray(2, 6), ...vnetHeader(start, offset).slice(6)];
        for (const vnet of [header, fields, wild]) {
          const runs = [0x00, 0xff].map((fill) => {
            const at = inMemory(20, fill, vnet, data);
            const done = completeChecksum(at.bytes, at.header, at.frame, at.length);
            const result = at.bytes.slice(at.header, at.frame + at.length);
            const around = inMemory(20, fill, vnet, data);
            around.bytes.set(result, at.header);
            expectSame(at.bytes, around.bytes);
            return { done, result };
          });
          expect(runs[0]!.done).toBe(runs[1]!.done);
          expectSame(runs[0]!.result, runs[1]!.result);
        }
      },
    ),
    { numRuns },
  );
});
