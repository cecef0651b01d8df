import { expect, test } from 'vitest';
import matchAction from '../../examples/logics/match-action.ts';
import { frame, mac, sandbox, tcp, udp } from '../../src/sdk/sandbox.ts';

const ports = { a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 10 }, d: { vlan: 20 }, watch: { vlan: 99 } };

function outcome(rules: object[], bytes: Uint8Array, from = 'a'): string {
  const lan = sandbox({ ports, logic: matchAction, params: { rules } });
  const said = lan.outcome(from, bytes);
  expect(lan.faults).toEqual([]);
  return said;
}

test.each<[object, Uint8Array, string]>([
  [{}, frame(), 'drop RULE'],
  [{ port: 'a' }, frame(), 'drop RULE'],
  [{ port: 'b' }, frame(), 'b c'],
  [{ port: 'gone' }, frame(), 'b c'],
  [{ vlan: 10 }, frame(), 'drop RULE'],
  [{ vlan: 20 }, frame(), 'b c'],
  [{ source: mac(1) }, frame(), 'drop RULE'],
  [{ source: mac(2) }, frame(), 'b c'],
  [{ destination: 'ff:ff:ff:ff:ff:ff' }, frame(), 'drop RULE'],
  [{ etherType: 0x88b5 }, frame(), 'drop RULE'],
  [{ etherType: 0x0800 }, frame(), 'b c'],
  [{ sourceIp: '10.0.0.0/24' }, udp({ sourceIp: '10.0.0.9' }), 'drop RULE'],
  [{ sourceIp: '10.0.0.0/24' }, udp({ sourceIp: '10.0.1.9' }), 'b c'],
  [{ destinationIp: '0.0.0.0/0' }, udp(), 'drop RULE'],
  [{ destinationIp: '0.0.0.0/0' }, frame(), 'b c'],
  [{ protocol: 6, destinationPort: 80 }, tcp(), 'drop RULE'],
  [{ protocol: 6, destinationPort: 80 }, udp({ destinationPort: 80 }), 'b c'],
  [{ sourcePort: 1024, vlan: 20 }, tcp(), 'b c'],
])('%j', (match, bytes, said) => expect(outcome([{ match, action: 'drop' }], bytes)).toBe(said));

test('actions, and the order of rules', () => {
  expect(outcome([{ action: { forward: 'c' } }, { action: 'drop' }], frame())).toBe('c');
  expect(outcome([{ action: { forward: 'gone' } }], frame())).toBe('drop NO_PORT');
  expect(outcome([{ action: 'learn' }, { action: 'drop' }], frame())).toBe('b c');
  expect(outcome([{ action: 'flood' }], frame({ dst: mac(7) }))).toBe('b c');
  expect(outcome([{ action: { mirror: 'watch' } }, { action: { forward: 'b' } }], frame())).toBe('b watch');
  expect(outcome([{ action: { vlan: 20 } }], frame())).toBe('d');
});

test('a rule with a field that is not there is refused', () => {
  expect(() => outcome([{ match: { colour: 'red' }, action: 'drop' }], frame())).toThrow(/colour/);
});
