/** Capture files as `explain --pcap` reads them: both formats, both byte orders, and what is broken or not Ethernet. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCapture } from '../../src/cli/capture-file.ts';
import { CliError } from '../../src/cli/errors.ts';
import { block, captureInterface, enhancedPacket, pcapFile, section, simplePacket, words } from './capture-files.ts';

const A = Buffer.from('ffffffffffff0200000000010806', 'hex');
const B = Buffer.from('0200000000010200000000020800aabbcc', 'hex');
const read = (file: Buffer, max = 100) => readCapture(file, 'trace', max);
const hex = (file: Buffer) => read(file).frames.map(({ bytes }) => bytes.toString('hex'));
const AB = [A, B].map((frame) => frame.toString('hex'));

describe.each([true, false])('little-endian: %s', (isLittle) => {
  test.each([0xa1b2c3d4, 0xa1b23c4d])('pcap with magic %i', (magic) => {
    expect(hex(pcapFile([A, B], { isLittle, magic }))).toEqual(AB);
  });

  test('pcap that says how long its frame check sequences are', () => {
    expect(hex(pcapFile([A], { isLittle, linkType: 0x1400_0001 }))).toEqual(AB.slice(0, 1));
  });

  test('pcapng with both kinds of packets, between blocks of other kinds', () => {
    const other = block(isLittle, 0x0bad, words(isLittle, 1, 2, 3));
    const file = [section(isLittle), other, captureInterface(isLittle), enhancedPacket(isLittle, A)];
    expect(hex(Buffer.concat([...file, other, simplePacket(isLittle, B), other]))).toEqual(AB);
  });

  test('frames that the capture cut', () => {
    expect(read(pcapFile([A], { isLittle, wireBytes: 99 })).frames).toEqual([{ bytes: A, length: 99 }]);
    const head = [section(isLittle), captureInterface(isLittle, 1, A.length)];
    const cut = [{ bytes: A, length: 99 }];
    expect(read(Buffer.concat([...head, simplePacket(isLittle, A, 99)])).frames).toEqual(cut);
    expect(read(Buffer.concat([...head, enhancedPacket(isLittle, A, 0, 99)])).frames).toEqual(cut);
  });

  test('other link types are refused, but only if frames of them are there', () => {
    expect(() => read(pcapFile([A], { isLittle, linkType: 113 }))).toThrow(/trace holds frames of link type 113/);
    const head = [section(isLittle), captureInterface(isLittle, 113), captureInterface(isLittle, 1)];
    expect(hex(Buffer.concat([...head, enhancedPacket(isLittle, A, 1)]))).toEqual(AB.slice(0, 1));
    expect(() => read(Buffer.concat([...head, enhancedPacket(isLittle, A, 0)]))).toThrow(/link type 113/);
  });
});

test('sections may follow each other in different byte orders, each with its own interfaces', () => {
  const part = (isLittle: boolean, frame: Buffer) =>
    Buffer.concat([section(isLittle), captureInterface(isLittle), enhancedPacket(isLittle, frame)]);
  expect(hex(Buffer.concat([part(true, A), part(false, B)]))).toEqual(AB);
  const without = Buffer.concat([part(true, A), section(true), enhancedPacket(true, B)]);
  expect(() => read(without)).toThrow(/trace is broken at byte/);
});

test('more frames than wanted are counted', () => {
  const { frames, leftOut } = read(pcapFile([A, B, A, B]), 3);
  expect([frames.length, leftOut]).toEqual([3, 1]);
});

test('what a capture has not finished writing is left out', () => {
  const pcapng = Buffer.concat([
    section(true),
    captureInterface(true),
    enhancedPacket(true, A),
    enhancedPacket(true, B),
  ]);
  for (const whole of [pcapFile([A, B]), pcapng]) {
    for (let missing = 1; missing <= B.length; missing++) {
      expect(hex(whole.subarray(0, whole.length - missing))).toEqual(AB.slice(0, 1));
    }
  }
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n')],
  ['half a head', pcapFile([]).subarray(0, 20)],
])('%s is no capture', (_, file) => expect(() => read(file)).toThrow(/trace is neither a pcap nor a pcapng file/));

test('a capture without frames says so', () => {
  for (const file of [pcapFile([]), section(true)]) expect(() => read(file)).toThrow(/trace holds no frame/);
});

test('whatever is broken ends in one line, never in a fault', () => {
  const files = [
    pcapFile([A, B]),
    Buffer.concat([section(true), captureInterface(true), enhancedPacket(true, A), simplePacket(true, B)]),
  ];
  const change = fc.record({ file: fc.constantFrom(...files), at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(change, ({ file, at, value }) => {
      const broken = Buffer.from(file);
      broken[at % broken.length] = value;
      try {
        read(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(CliError);
      }
    }),
    { numRuns: 2000 },
  );
});
