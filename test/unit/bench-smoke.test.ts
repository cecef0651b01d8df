/** The benchmarks' arithmetic: figures that people decide by are not to come from a wrong median or a broken frame. */
import { describe, expect, test } from 'vitest';
import { ratioOf, type Sample, spreadOf } from '../../bench/metrics.ts';
import { renderReport, type Report } from '../../bench/report.ts';
import { parseOptions } from '../../bench/settings.ts';
import { FRAME_BYTES, makeFrame, NUMBER_AT, readNumber, writeNumber } from '../../bench/system/measure/test-frame.ts';

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
      writeNumber(frame, 0, number);
      expect(frame.length).toBe(FRAME_BYTES);
      expect(onesComplementSum(frame.subarray(14, 34), 0)).toBe(0xffff);
      expect(onesComplementSum(frame.subarray(26), 17 + FRAME_BYTES - 34)).toBe(0xffff);
      expect(readNumber(frame.subarray(NUMBER_AT))).toBe(number);
    },
  );

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

test('the report shows ratios before figures, judges targets, and names what failed and was skipped', () => {
  const samples: Sample[] = [1, 2, 3].flatMap((round): Sample[] => [
    { round, subject: 'tswitch-veth', metric: 'framesPerSecond', value: 300_000 },
    { round, subject: 'linux-bridge', metric: 'framesPerSecond', value: 200_000 },
    { round, subject: 'tswitch-veth', metric: 'tcpBetter', value: 1e9 },
    { round, subject: 'linux-bridge', metric: 'tcpBetter', value: 10e9 },
  ]);
  const report: Report = {
    environment: {
      date: '2026-01-01T00:00:00.000Z',
      kernel: '6.18',
      cpu: 'a CPU',
      cores: 2,
      memoryBytes: 1,
      mitigations: {},
      node: 'v26',
      tswitch: '0.1.0',
      commit: null,
      modified: false,
      openVswitch: null,
      loadBefore: 0,
    },
    size: 'quick',
    settings: parseOptions(['--quick']).settings,
    subjects: [
      { name: 'tswitch-veth', about: 'tswitch' },
      { name: 'linux-bridge', about: 'bridge' },
    ],
    skipped: [{ name: 'vde-switch', reason: 'not installed' }],
    samples,
    micro: [
      { table: 't', name: 'slow', metric: 'nsPerFrame', value: 30, reference: 'base', hash: '0000abcd' },
      { table: 't', name: 'base', metric: 'nsPerFrame', value: 20, reference: 'base', hash: '00001234' },
    ],
    failures: [{ round: 2, subject: 'linux-bridge', message: 'it broke' }],
  };
  const text = renderReport(report);
  expect(text.indexOf('## Ratios')).toBeLessThan(text.indexOf('## Figures'));
  expect(text).toMatch(/frames delivered +\| ≥ 1\.00 × linux-bridge +\| 1\.50 × +\| met /);
  expect(text).toMatch(/better direction +\| ≥ 0\.60 × linux-bridge +\| 0\.10 × +\| \*\*short\*\* /);
  expect(text).toMatch(/### t\n\n[^]*\| slow \| 30 +\| 1\.50 × +\| 0000abcd \|/);
  expect(text).toContain('- vde-switch: not installed');
  expect(text).toContain('- linux-bridge, round 2: it broke');
});

test('options: sizes, lists and counts are read, nonsense is refused', () => {
  expect(parseOptions([])).toMatchObject({ size: 'full', only: null, settings: { rounds: 5 } });
  expect(parseOptions(['--quick', '--rounds', '7', '--only', 'a,b'])).toMatchObject({
    size: 'quick',
    only: ['a', 'b'],
    settings: { rounds: 7 },
  });
  expect(() => parseOptions(['--quick', '--smoke'])).toThrow('exclude each other');
  expect(() => parseOptions(['--rounds', '0'])).toThrow('--rounds takes a number from 1 to 1000');
  expect(() => parseOptions(['--fast'])).toThrow('--fast');
});
