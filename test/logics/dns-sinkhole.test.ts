import { expect, test } from 'vitest';
import sinkhole from '../../examples/logics/dns-sinkhole.ts';
import { hasRightChecksums, mac, sandbox, udp } from '../../src/sdk/sandbox.ts';

/** A query (RFC 1035, 4.1) for the name, type A, with the number 0x1234 and RD. */
function query(name: string, flags = 0x0100): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const payload = [0x12, 0x34, flags >>> 8, flags & 255, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1];
  const ends = { src: mac(1), dst: mac(2), sourceIp: '10.0.0.1', destinationIp: '10.0.0.53', sourcePort: 5353 };
  return udp({ ...ends, destinationPort: 53, payload: Uint8Array.from(payload) });
}

const lan = () => sandbox({ ports: ['a', 'b'], logic: sinkhole, params: { block: ['Ads.example', 'bad.test.'] } });

test.each(['ads.example', 'ADS.example', 'x.y.ads.example', 'bad.test'])('%s does not exist', (name) => {
  const asked = query(name);
  const sent = lan().send('a', asked);
  expect([...sent.keys()]).toEqual(['a']);
  const [reply] = sent.get('a')!;
  expect(Buffer.from(reply!.subarray(0, 12))).toEqual(Buffer.from([...asked.subarray(6, 12), ...asked.subarray(0, 6)]));
  expect([...reply!.subarray(26, 34)]).toEqual([10, 0, 0, 53, 10, 0, 0, 1]);
  expect([...reply!.subarray(34, 38)]).toEqual([0, 53, 5353 >>> 8, 5353 & 255]);
  // Number and question are the query's; it is a response, and says NXDOMAIN.
  expect([...reply!.subarray(42, 54)]).toEqual([0x12, 0x34, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]);
  expect(reply!.subarray(54, 70)).toEqual(asked.subarray(54, 70));
  expect(headerSum(reply!)).toBe(0xffff);
});

/** The one's complement sum of the IP header: 0xffff where its checksum is right. */
function headerSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let k = 14; k < 34; k += 2) sum += (bytes[k]! << 8) | bytes[k + 1]!;
  return (sum & 0xffff) + (sum >>> 16);
}

test.each([
  ['another name', query('example')],
  ['a name that only ends alike', query('notads.example')],
  ['a response', query('ads.example', 0x8180)],
  ['a query that is cut off', query('ads.example').subarray(0, 60)],
])('%s passes', (_, bytes) => {
  const on = lan();
  expect(on.outcome('a', bytes)).toBe('b');
  expect(on.faults).toEqual([]);
});

test('a query passes with its checksums', () => {
  expect(hasRightChecksums(lan().send('a', query('example')).get('b')![0]!)).toBe(true);
});
