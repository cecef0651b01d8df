import { expect, test } from 'vitest';
import allowList from '../../examples/logics/mac-allow-list.ts';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

test('who is on the list may send, nobody else, and the list can change', () => {
  const lan = sandbox({ ports: ['a', 'b'], logic: allowList, params: { allow: [mac(1), '02:00:00:00:AB:CD'] } });
  expect(lan.outcome('a', frame({ src: mac(1) }))).toBe('b');
  expect(lan.outcome('a', frame({ src: '02:00:00:00:ab:cd' }))).toBe('b');
  expect(lan.outcome('a', frame({ src: mac(2) }))).toBe('drop NOT_ALLOWED');
  lan.use(allowList, { allow: [mac(2)] });
  expect(lan.outcome('a', frame({ src: mac(1) }))).toBe('drop NOT_ALLOWED');
  expect(lan.outcome('a', frame({ src: mac(2) }))).toBe('b');
});

test('a list that is none is refused', () => {
  expect(() => sandbox({ ports: ['a'], logic: allowList, params: { allow: ['02:00'] } })).toThrow(/MAC address/);
});
