import { expect, test } from 'vitest';
import guard from '../../examples/logics/syn-guard.ts';
import { sandbox, tcp } from '../../src/sdk/sandbox.ts';

const SYN = 0x02;
const ACK = 0x10;

test('so many attempts per second and destination pass; connections pass always', () => {
  const lan = sandbox({ ports: ['a', 'b'], logic: guard, params: { attemptsPerSecond: 10 } });
  const passed = (destinationIp: string, flags: number, count: number): number => {
    const frames = Array.from({ length: count }, (_, k) => tcp({ destinationIp, flags, sourcePort: 1000 + k }));
    return lan.sendAll('a', frames).get('b')?.length ?? 0;
  };
  expect(passed('10.0.0.2', SYN, 100)).toBe(10);
  expect(passed('10.0.0.2', ACK, 100)).toBe(100);
  expect(passed('10.0.0.2', SYN | ACK, 100)).toBe(100);
  expect(passed('10.0.0.3', SYN, 5)).toBe(5);
  lan.advance(1100);
  expect(passed('10.0.0.2', SYN, 100)).toBe(10);
  expect(lan.drops()).toMatchObject({ TOO_MANY_SYNS: 180 });
  expect(lan.counters()).toEqual({ attempts: 205 });
});
