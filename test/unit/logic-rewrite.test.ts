/** Rewriting a frame keeps its checksums right, whoever finishes them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defineLogic, DEFER, ipv4, macHigh, macLow } from '../../src/sdk/logic.ts';
import { frame, hasRightChecksums, mac, sandbox, tcp, udp } from '../../src/sdk/sandbox.ts';
import { CSUM_OFFSET, CSUM_START, FLAGS, NEEDS_CSUM, VNET_HEADER_BYTES, write16 } from '../../src/frame/vnet-header.ts';
import { closeSum, sumBytes } from '../../src/frame/offload/checksum.ts';

const rewriter = (change: { source: number; destination: number; sourcePort: number; destinationPort: number }) =>
  defineLogic({
    name: 'rewriter',
    description: 'changes addresses and ports',
    create: () => ({
      frame: (seen) => {
        seen.setIpv4Source(change.source);
        seen.setIpv4Destination(change.destination);
        seen.setSourcePort(change.sourcePort);
        seen.setDestinationPort(change.destinationPort);
        return DEFER;
      },
    }),
  });

const port = fc.integer({ min: 0, max: 0xffff });
const address = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const changes = fc.record({ source: address, destination: address, sourcePort: port, destinationPort: port });

test.each([
  ['tcp', tcp],
  ['udp', udp],
])('%s: addresses and ports change, checksums stay right', (_, make) => {
  fc.assert(
    fc.property(changes, fc.uint8Array({ maxLength: 60 }), (change, payload) => {
      const lan = sandbox({ ports: ['a', 'b'], logic: rewriter(change) });
      const [sent] = lan.send('a', make({ payload })).get('b')!;
      const view = new DataView(sent!.buffer, sent!.byteOffset);
      expect([view.getInt32(26), view.getInt32(30), view.getUint16(34), view.getUint16(36)]).toEqual([
        change.source,
        change.destination,
        change.sourcePort,
        change.destinationPort,
      ]);
      expect(hasRightChecksums(sent!)).toBe(true);
      expect(lan.faults).toEqual([]);
    }),
  );
});

test.each([
  ['tcp', tcp, 16],
  ['udp', udp, 6],
] as const)('%s whose checksum the sender left to the device: egress finishes it right', (_, make, field) => {
  fc.assert(
    fc.property(changes, fc.uint8Array({ maxLength: 60 }), (change, payload) => {
      const lan = sandbox({ ports: ['a', 'b'], logic: rewriter(change) });
      const bytes = make({ payload });
      const end = 14 + ((bytes[16]! << 8) | bytes[17]!);
      // The pseudo header's sum stands in the field, as Linux leaves it.
      const pseudo = Uint8Array.from([...bytes.subarray(26, 34), 0, bytes[23]!, (end - 34) >>> 8, (end - 34) & 255]);
      const sum = ~closeSum(sumBytes(pseudo, 0, pseudo.length)) & 0xffff;
      bytes[34 + field] = sum >>> 8;
      bytes[34 + field + 1] = sum;
      const header = new Uint8Array(VNET_HEADER_BYTES);
      header[FLAGS] = NEEDS_CSUM;
      write16(header, CSUM_START, 34);
      write16(header, CSUM_OFFSET, field);
      const [sent] = lan.send('a', bytes, header).get('b')!;
      expect(hasRightChecksums(sent!)).toBe(true);
    }),
  );
});

test('a UDP datagram without a checksum gets none', () => {
  const bytes = udp();
  bytes.fill(0, 40, 42);
  const lan = sandbox({
    ports: ['a', 'b'],
    logic: rewriter({ source: ipv4('10.9.9.9'), destination: 1, sourcePort: 1, destinationPort: 2 }),
  });
  const [sent] = lan.send('a', bytes).get('b')!;
  expect([...sent!.subarray(40, 42)]).toEqual([0, 0]);
});

test('what is no whole IPv4 frame is left as it is, and says so', () => {
  const answers: boolean[] = [];
  const logic = defineLogic({
    name: 'asker',
    description: 'notes what can be changed',
    create: () => ({
      frame: (seen) => {
        answers.push(seen.setIpv4Source(1), seen.setSourcePort(1));
        return DEFER;
      },
    }),
  });
  const lan = sandbox({ ports: ['a', 'b'], logic });
  const fragment = udp({ payload: new Uint8Array(40) });
  fragment[20] = 0x20;
  for (const bytes of [frame(), udp().subarray(0, 30), fragment]) {
    const before = Uint8Array.from(bytes);
    expect(lan.send('a', bytes).get('b')).toEqual([before]);
  }
  expect(answers).toEqual([false, false, false, false, false, false]);
});

test('MAC addresses and the VLAN', () => {
  const logic = defineLogic({
    name: 'mover',
    description: 'moves frames to VLAN 20 and changes their addresses',
    create: () => ({
      frame: (seen) => {
        seen.setVlan(20);
        seen.setSource(macHigh(mac(7)), macLow(mac(7)));
        seen.setDestination(macHigh(mac(8)), macLow(mac(8)));
        return DEFER;
      },
    }),
  });
  const lan = sandbox({ ports: { a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 20 } }, logic });
  expect(lan.send('a', frame({ src: mac(1) }))).toEqual(new Map([['c', [frame({ src: mac(7), dst: mac(8) })]]]));
});
