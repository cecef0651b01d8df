import { expect, test } from 'vitest';
import hub from '../../examples/logics/hub.ts';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

test('every frame goes to every other port of its VLAN, also to an address that was seen', () => {
  const lan = sandbox({ ports: { a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 10 }, d: { vlan: 20 } }, logic: hub });
  expect(lan.outcome('a', frame({ src: mac(1) }))).toBe('b c');
  expect(lan.outcome('b', frame({ src: mac(2), dst: mac(1) }))).toBe('a c');
  expect(lan.outcome('d', frame())).toBe('drop NO_EGRESS');
});
