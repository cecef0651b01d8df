import { expect, test } from 'vitest';
import crossConnect from '../../examples/logics/cross-connect.ts';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

test('pairs are connected whatever the addresses; other ports are switched', () => {
  const ports = ['a', 'b', 'c', 'd', 'e'];
  const lan = sandbox({
    ports,
    logic: crossConnect,
    params: {
      pairs: [
        ['a', 'c'],
        ['b', 'gone'],
      ],
    },
  });
  expect(lan.outcome('a', frame())).toBe('c');
  expect(lan.outcome('c', frame({ dst: mac(1) }))).toBe('a');
  expect(lan.outcome('b', frame({ src: mac(3) }))).toBe('a c d e');
});
