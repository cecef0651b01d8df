/** Limits of bandwidth: spellings in the units of tc, what is refused, and the token buckets that they become. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TswitchError } from '../../src/control/errors.ts';
import type { PortRequest, RateLimits } from '../../src/control/model.ts';
import { normalizePortRequest, portRequestProblems } from '../../src/control/port-request.ts';
import { bucketOf, NO_LIMITS, rateLimitsOf } from '../../src/control/rate-limits.ts';
import { formatBurst, formatRate, parseBurst, parseRate } from '../../src/control/rate-text.ts';

const KIB = 1024;
const VETH: PortRequest = { name: 'red', kind: 'veth', netns: 'red' };

test.each([
  ['100mbit', 100_000_000],
  ['1gbit', 1_000_000_000],
  ['500kbit', 500_000],
  ['1.5Gbit', 1_500_000_000],
  ['0.1gbit', 100_000_000],
  ['2tbit', 2_000_000_000_000],
  ['9600', 9600],
  ['9600bit', 9600],
  ['10mbps', 80_000_000],
  ['1bps', 8],
  ['1KiBit', 1024],
  ['1mibps', 8 * KIB * KIB],
  [' 10mbit ', 10_000_000],
])('the rate %s', (text, bits) => {
  expect(parseRate(text)).toBe(bits);
});

test.each([
  ['1600', 1600],
  ['1600b', 1600],
  ['64kb', 64 * KIB],
  ['64K', 64 * KIB],
  ['1.5m', 1.5 * KIB * KIB],
  ['1gb', KIB ** 3],
  ['8kbit', KIB],
])('the size %s', (text, bytes) => {
  expect(parseBurst(text)).toBe(bytes);
});

test.each(['', 'fast', '100m', '100 mbit', '100mbit/s', '-1mbit', '1e6', '0x10', 'mbit', '1..5mbit', '100MB', '10%'])(
  'no rate: "%s"',
  (text) => expect(parseRate(text)).toBeNull(),
);

test('what is written back is short and means the same', () => {
  expect([1_000_000_000, 1_500_000, 12_345, 8_000].map(formatRate)).toEqual(['1gbit', '1500kbit', '12345bit', '8kbit']);
  expect([64 * KIB, 1600, KIB * KIB].map(formatBurst)).toEqual(['64kb', '1600b', '1mb']);
  fc.assert(fc.property(fc.nat(), (value) => parseRate(formatRate(value)) === value));
  fc.assert(fc.property(fc.nat(), (value) => parseBurst(formatBurst(value)) === value));
});

describe('limits after a request', () => {
  const limited: RateLimits = { ...NO_LIMITS, egressRate: '10mbit', egressBurst: '64kb' };

  test.each<[string, Partial<RateLimits>, RateLimits, Partial<RateLimits>]>([
    ['nothing asked for, nothing changed', {}, limited, {}],
    [
      'one spelling',
      { ingressRate: '1000KBit', ingressBurst: '65536' },
      limited,
      { ingressRate: '1mbit', ingressBurst: '64kb' },
    ],
    ['another rate keeps its burst', { egressRate: '20mbit' }, limited, { egressRate: '20mbit' }],
    ['another burst keeps its rate', { egressBurst: '1mb' }, limited, { egressBurst: '1mb' }],
    ['a chosen burst', { egressBurst: null }, limited, { egressBurst: null }],
    ['no rate, no burst', { egressRate: null }, limited, { egressRate: null, egressBurst: null }],
  ])('%s', (_, wished, before, changed) => {
    expect(rateLimitsOf(wished, before, 1500)).toEqual({ ...before, ...changed });
  });

  test.each<[string, Partial<RateLimits>, RegExp]>([
    [
      'an unknown unit',
      { ingressRate: '100mb' },
      /^ingressRate: "100mb" is no rate; write it as tc does, like 100mbit/,
    ],
    ['nothing', { egressRate: '0' }, /^egressRate: must be from 8kbit to 1tbit, or null for no limit$/],
    ['too much', { egressRate: '2tbit' }, /^egressRate: must be from/],
    ['an unknown size', { egressBurst: '1 frame' }, /^egressBurst: "1 frame" is no size/],
    ['a huge burst', { egressBurst: '1gb' }, /^egressBurst: must be 256mb at most$/],
    [
      'a burst below a frame',
      { egressBurst: '1500' },
      /^egressBurst: 1500b is too small.* give at least 1522b \(MTU 1500\)$/,
    ],
    ['a burst without a rate', { ingressBurst: '64kb' }, /^ingressBurst: a burst needs a rate.*give ingressRate too$/],
    ['a burst without the rate that goes', { egressRate: null, egressBurst: '64kb' }, /^egressBurst: a burst needs/],
  ])('%s is refused', (_, wished, message) => {
    expect(() => rateLimitsOf(wished, limited, 1500)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringMatching(message) }),
    );
  });

  test('a larger MTU needs a larger burst', () => {
    expect(() => rateLimitsOf({}, { ...limited, egressBurst: '2kb' }, 9000)).toThrow(TswitchError);
  });
});

test.each<[string, PortRequest, RegExp | null]>([
  ['veth, both', { ...VETH, ingressRate: '1mbit', egressRate: '1mbit' }, null],
  ['tap, ingress', { ...VETH, kind: 'tap', ingressRate: '1mbit' }, null],
  ['tap, egress', { ...VETH, kind: 'tap', egressRate: '1mbit' }, /^egressRate: the kernel has no queue.*use kind veth/],
  ['xdp pair, ingress', { ...VETH, kind: 'xdp', ingressRate: '1mbit' }, null],
  ['xdp pair, egress', { ...VETH, kind: 'xdp', egressRate: '1mbit' }, /^egressRate: .*use kind veth or packet/],
  [
    'xdp netdev, ingress',
    { name: 'x', kind: 'xdp', netdev: 'x', ingressRate: '1mbit' },
    /^ingressRate: nothing holds back/,
  ],
  ['packet, egress', { name: 'x', kind: 'packet', netdev: 'x', egressRate: '1mbit' }, null],
  [
    'packet, ingress',
    { name: 'x', kind: 'packet', netdev: 'x', ingressRate: '1mbit' },
    /^ingressRate: nothing holds back/,
  ],
  ['memory', { name: 'x', kind: 'memory', egressRate: '1mbit' }, /^egressRate: not for kind memory/],
])('which kinds have a queue: %s', (_, request, message) => {
  expect(portRequestProblems(request)).toEqual(message === null ? [] : [expect.stringMatching(message)]);
});

test('a port keeps its limits in one spelling', () => {
  const limits = { egressRate: '100Mbit', egressBurst: '131072' };
  expect(normalizePortRequest({ ...VETH, ...limits })).toMatchObject({
    ...{ ingressRate: null, ingressBurst: null, egressRate: '100mbit', egressBurst: '128kb' },
  });
});

test('buckets: a chosen burst is what comes in 50 ms, and a super-frame passes whole', () => {
  const bucket = (egressRate: string, egressBurst: string | null = null) =>
    bucketOf({ ...NO_LIMITS, egressRate, egressBurst }, 'egress');
  expect(bucketOf(NO_LIMITS, 'egress')).toBeNull();
  expect(bucketOf({ ...NO_LIMITS, egressRate: '1mbit' }, 'ingress')).toBeNull();
  expect(bucket('1mbit')).toEqual({ bitsPerSecond: 1_000_000, burstBytes: 80 * KIB, queueBytes: 256 * KIB });
  expect(bucket('1gbit')).toMatchObject({ burstBytes: 6104 * KIB, queueBytes: 6104 * KIB });
  expect(bucket('1gbit', '64kb')).toMatchObject({ burstBytes: 64 * KIB });
});
