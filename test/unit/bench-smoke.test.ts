/** The benchmarks' arithmetic: figures that people decide by are not to come from a wrong median or a broken frame. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ratioOf, type Sample, spreadOf } from '../../bench/metrics.ts';
import { parseOptions } from '../../bench/settings.ts';
import {
  FRAME_BYTES,
  FRAME_SIZES,
  IMIX,
  macTail,
  makeFrame,
  NUMBER_AT,
  readNumber,
  sizesOf,
  TAG_BYTES,
  writeMacTail,
  writeNumber,
} from '../../bench/system/measure/test-frame.ts';

const WAY = {
  sourceMac: '02:00:00:00:00:0a',
  destinationMac: '02:00:00:00:00:0b',
  sourceAddress: '10.77.0.10',
  destinationAddress: '10.77.0.11',
  destinationPort: 9,
};

/** Adds up 16-bit words as a receiver does; 0xffff: the checksum among them is right. */
function onesComplementSum(bytes: Buffer, initial: number): number {
  let sum = initial;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

describe('test frames', () => {
  test.each([0, 1, 0xffff, 0x12345678, 0xffffffff])(
    'frame %i has right checksums and gives its number back',
    (number) => {
      const frame = makeFrame(WAY, 3);
      writeNumber(frame, NUMBER_AT, number);
      expect(frame.length).toBe(FRAME_BYTES);
      expect(onesComplementSum(frame.subarray(14, 34), 0)).toBe(0xffff);
      expect(onesComplementSum(frame.subarray(26), 17 + FRAME_BYTES - 34)).toBe(0xffff);
      expect(readNumber(frame.subarray(NUMBER_AT))).toBe(number);
    },
  );

  test.each([...FRAME_SIZES, ...new Set(IMIX)])('a frame of %i bytes has right lengths and checksums', (size) => {
    const [bytes = 0] = sizesOf(size);
    const frame = makeFrame(WAY, 1, bytes);
    expect(frame.length).toBe(size - 4);
    expect(frame.readUInt16BE(16)).toBe(bytes - 14);
    expect(frame.readUInt16BE(38)).toBe(bytes - 34);
    expect(onesComplementSum(frame.subarray(26), 17 + bytes - 34)).toBe(0xffff);
    expect(readNumber(frame.subarray(NUMBER_AT))).toBe(0);
    expect(readNumber(frame.subarray(NUMBER_AT, -2))).toBeNull();
  });

  test('a tag stands behind the addresses and changes nothing else', () => {
    const plain = makeFrame(WAY, 0);
    const tagged = makeFrame(WAY, 0, FRAME_BYTES, 0x123);
    expect(tagged.subarray(12, 16)).toEqual(Buffer.from([0x81, 0x00, 0x01, 0x23]));
    expect(Buffer.concat([tagged.subarray(0, 12), tagged.subarray(12 + TAG_BYTES)])).toEqual(plain);
  });

  test('IMIX is seven short, four middling and one long frame', () => {
    const count = (size: number): number => IMIX.filter((bytes) => bytes === size).length;
    expect([64, 594, 1518].map(count)).toEqual([7, 4, 1]);
    expect(sizesOf('imix')).toHaveLength(12);
  });

  test('a million addresses are all different, and neighbours lie far apart', () => {
    const tails = new Set(Array.from({ length: 1_000_000 }, (_, k) => macTail(k)));
    expect(tails.size).toBe(1_000_000);
    const frame = makeFrame(WAY, 0);
    writeMacTail(frame, 6, 0x123456);
    expect(frame.subarray(6, 12).toString('hex')).toBe('020000123456');
    expect(Math.abs(macTail(1) - macTail(2))).toBeGreaterThan(1000);
  });

  test('a flipped bit anywhere in the payload shows', () => {
    const payload = makeFrame(WAY, 0).subarray(NUMBER_AT);
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const damaged = Buffer.from(payload);
      damaged[bit >>> 3]! ^= 1 << (bit & 7);
      expect(readNumber(damaged)).toBeNull();
    }
  });
});

describe('figures', () => {
  test('the median of an even number of values lies between the middle two', () => {
    expect(spreadOf([9, 1, 3, 5])).toEqual({ median: 4, min: 1, max: 9 });
    expect(spreadOf([7])).toEqual({ median: 7, min: 7, max: 7 });
  });

  test('a ratio is formed within each round, and a round that lacks one side is left out', () => {
    const sample = (round: number, subject: string, value: number): Sample => {
      return { round, subject, metric: 'framesPerSecond', value };
    };
    const samples = [sample(1, 'x', 20), sample(1, 'y', 10), sample(2, 'x', 3), sample(2, 'y', 1), sample(3, 'x', 99)];
    expect(ratioOf(samples, 'x', 'y', 'framesPerSecond')).toEqual({ median: 2.5, min: 2, max: 3 });
    expect(ratioOf(samples, 'x', 'z', 'framesPerSecond')).toBeNull();
  });
});

test('options: sizes, lists and counts are read, nonsense is refused', () => {
  expect(parseOptions([])).toMatchObject({ size: 'default', only: null, measure: null, settings: { rounds: 5 } });
  expect(parseOptions(['--full', '--measure', 'ping,tcp'])).toMatchObject({ size: 'full', measure: ['ping', 'tcp'] });
  expect(parseOptions(['--quick', '--rounds', '7', '--only', 'a,b'])).toMatchObject({
    size: 'quick',
    only: ['a', 'b'],
    settings: { rounds: 7 },
  });
  expect(() => parseOptions(['--quick', '--smoke'])).toThrow('exclude each other');
  expect(() => parseOptions(['--rounds', '0'])).toThrow('--rounds takes a number from 1 to 1000');
  expect(() => parseOptions(['--fast'])).toThrow('--fast');
});

test('several workers forward every frame, and what it costs is told for each number of them', () => {
  const program = join(import.meta.dirname, '../../bench/micro/workers.ts');
  const table = execFileSync(process.execPath, [program, '0.05'], { encoding: 'utf8' });
  expect(table.match(/^\| [124] +\| +\d+ +\| +[\d.]+ +\|$/gm)).toHaveLength(3);
});
