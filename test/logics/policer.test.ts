import { expect, test } from 'vitest';
import policer from '../../examples/logics/policer.ts';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

const bytes = (src: number): Uint8Array => frame({ src: mac(src), payload: new Uint8Array(986) });

test('a burst passes, then the rate; each address has its own', () => {
  const lan = sandbox({ ports: ['a', 'b'], logic: policer, params: { kilobytesPerSecond: 10, burstKilobytes: 5 } });
  const passed = (src: number, count: number): number => {
    return (
      lan
        .sendAll(
          'a',
          Array.from({ length: count }, () => bytes(src)),
        )
        .get('b')?.length ?? 0
    );
  };
  expect(passed(1, 20)).toBe(5);
  expect(passed(2, 2)).toBe(2);
  lan.advance(200);
  expect(passed(1, 20)).toBe(2);
  lan.advance(60_000);
  expect(passed(1, 20)).toBe(5);
  expect(lan.drops()).toMatchObject({ OVER_RATE: 15 + 18 + 15 });
});
