import { expect, test } from 'vitest';
import sampler from '../../examples/logics/packet-sampler.ts';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

const params = { oneIn: 10, bytes: 20, port: 'collector', vlan: 99 };
const ports = { a: {}, b: {}, collector: { vlan: 99 } };

test('one frame in ten, on average, is told to the collector, and all of them pass', () => {
  const lan = sandbox({ ports, logic: sampler, params });
  let [samples, passed] = [0, 0];
  for (let k = 0; k < 40; k++) {
    const sent = lan.sendAll(
      'a',
      Array.from({ length: 50 }, () => frame({ src: mac(1) })),
    );
    passed += sent.get('b')!.length;
    for (const sample of sent.get('collector') ?? []) {
      samples++;
      const end = 14 + ((sample[16]! << 8) | sample[17]!);
      expect(Buffer.from(sample.subarray(42, end)).toString('latin1')).toBe(
        `a vlan 1 length 60\0${Buffer.from(frame({ src: mac(1) }).subarray(0, 20)).toString('latin1')}`,
      );
      expect(headerSum(sample)).toBe(0xffff);
    }
  }
  expect(passed).toBe(2000);
  // 2,000 draws of a tenth: 200, give or take five standard deviations.
  expect(Math.abs(samples - 200)).toBeLessThan(70);
  expect(lan.counters()).toEqual({ sampled: samples, unsent: 0 });
});

test('what the collector sends, and what there is without one, is not sampled', () => {
  const lan = sandbox({ ports, logic: sampler, params: { ...params, oneIn: 1, vlan: 1 } });
  lan.send('collector', frame());
  expect(lan.counters()).toEqual({ sampled: 0, unsent: 0 });
  lan.send('a', frame());
  expect(lan.counters()).toEqual({ sampled: 0, unsent: 1 });
  const without = sandbox({ ports, logic: sampler, params: { ...params, oneIn: 1, port: 'gone' } });
  expect(without.outcome('a', frame())).toBe('b');
  expect(without.counters()).toEqual({ sampled: 0, unsent: 0 });
});

/** The one's complement sum of the IP header: 0xffff where its checksum is right. */
function headerSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let k = 14; k < 34; k += 2) sum += (bytes[k]! << 8) | bytes[k + 1]!;
  return (sum & 0xffff) + (sum >>> 16);
}
