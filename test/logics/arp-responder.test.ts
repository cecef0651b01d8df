import { expect, test } from 'vitest';
import arpResponder from '../../examples/logics/arp-responder.ts';
import { arpRequest, frame, mac, sandbox } from '../../src/sdk/sandbox.ts';

const ports = { a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 10 }, other: { vlan: 20 } };

/** Who says to have which address, in an ARP reply. */
function replyOf(bytes: Uint8Array): string {
  const hex = (from: number, count: number): string => Buffer.from(bytes.subarray(from, from + count)).toString('hex');
  return `${hex(0, 6)} ${hex(12, 10)} ${hex(22, 6)} ${bytes.subarray(28, 32).join('.')} ${hex(32, 6)} ${bytes.subarray(38, 42).join('.')}`;
}

test('a request for an address that was seen is answered by the switch, and not flooded', () => {
  const lan = sandbox({ ports, logic: arpResponder });
  expect(lan.outcome('a', arpRequest(mac(1), '10.0.0.1', '10.0.0.2'))).toBe('b c');
  const sent = lan.send('b', arpRequest(mac(2), '10.0.0.2', '10.0.0.1'));
  expect([...sent.keys()]).toEqual(['b']);
  expect(replyOf(sent.get('b')![0]!)).toBe(
    '020000000002 08060001080006040002 020000000001 10.0.0.1 020000000002 10.0.0.2',
  );
  expect(lan.counters()).toEqual({ answered: 1, learned: 2 });
  // What is known in one VLAN is not known in another.
  expect(lan.outcome('other', arpRequest(mac(3), '10.0.0.3', '10.0.0.1'))).toBe('drop NO_EGRESS');
});

test('given hosts, and without learning no others', () => {
  const params = { learn: false, hosts: { '10.0.0.9': mac(9) } };
  const lan = sandbox({ ports, logic: arpResponder, params });
  expect(lan.outcome('a', arpRequest(mac(1), '10.0.0.1', '10.0.0.9'))).toBe('a drop ANSWERED');
  expect(lan.outcome('b', arpRequest(mac(2), '10.0.0.2', '10.0.0.1'))).toBe('a c');
});

test('probes for a free address, announcements and other frames pass', () => {
  const lan = sandbox({ ports, logic: arpResponder, params: { hosts: { '10.0.0.9': mac(9) } } });
  expect(lan.outcome('a', arpRequest(mac(1), '0.0.0.0', '10.0.0.9'))).toBe('b c');
  expect(lan.outcome('a', arpRequest(mac(1), '10.0.0.9', '10.0.0.9'))).toBe('b c');
  expect(lan.outcome('a', frame({ etherType: 0x0806, payload: new Uint8Array(20) }))).toBe('b c');
});
