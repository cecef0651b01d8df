/** DNS messages and the names of members, without sockets. */
import * as dns from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressesOf, askerAt, namesOf, reversed } from '../../src/networks/dns/answers.ts';
import { answerTo, asDatagram, errorTo, RCODE, readQuestion } from '../../src/networks/dns/messages.ts';
import { framed, unframed } from '../../src/networks/dns/upstream.ts';
import { firstDocument } from '../../src/networks/document.ts';
import type { EndpointRecord, NetworkRecord, NetworksDocument } from '../../src/networks/model.ts';
import { normalizeSubnet } from '../../src/networks/network-request.ts';

function member(name: string, addresses: string[], fields: Partial<EndpointRecord> = {}): EndpointRecord {
  const place = { id: name, name, netns: name, ifname: 'eth0', mac: '02:00:00:00:00:01', addresses };
  return { ...place, aliases: [], links: [], published: [], isDefaultRoute: false, remembered: null, ...fields };
}

function network(name: string, subnet: string, endpoints: EndpointRecord[]): NetworkRecord {
  const settings = { driver: 'bridge' as const, internal: false, isolated: false, mtu: 1500, dns: true, labels: {} };
  return { id: name, name, created: '', vlan: 10, ...settings, subnets: [normalizeSubnet({ subnet })], endpoints };
}

const web = network('web', '10.1.0.0/24', [
  member('a', ['10.1.0.2/24'], { aliases: ['pair'], links: [{ container: 'b', alias: 'database' }] }),
  member('b', ['10.1.0.3/24', 'fd00::3/64'], { aliases: ['pair'] }),
  member('both', ['10.1.0.4/24']),
]);
const inner = network('inner', '10.2.0.0/24', [member('c', ['10.2.0.2/24']), member('both', ['10.2.0.3/24'])]);
const document: NetworksDocument = { ...firstDocument(4094, []), networks: [web, inner] };

test.each`
  asker         | name          | family | found
  ${'10.1.0.2'} | ${'b'}        | ${4}   | ${['10.1.0.3']}
  ${'10.1.0.2'} | ${'B.WEB'}    | ${6}   | ${['fd00::3']}
  ${'10.1.0.2'} | ${'a'}        | ${6}   | ${[]}
  ${'10.1.0.2'} | ${'database'} | ${4}   | ${['10.1.0.3']}
  ${'10.1.0.3'} | ${'database'} | ${4}   | ${null}
  ${'10.1.0.2'} | ${'c'}        | ${4}   | ${null}
  ${'10.1.0.4'} | ${'c'}        | ${4}   | ${['10.2.0.2']}
  ${'10.1.0.1'} | ${'a'}        | ${4}   | ${['10.1.0.2']}
  ${'10.1.0.2'} | ${'b.inner'}  | ${4}   | ${null}
  ${'10.1.0.2'} | ${''}         | ${4}   | ${null}
`('$asker asks web for $name, IPv$family: $found', ({ asker, name, family, found }) => {
  const answer = addressesOf(document, askerAt(web, asker), name, family, 0);
  expect(answer).toEqual(found === null ? 'foreign' : { found });
});

test('those who share an alias take turns', () => {
  const ask = (turn: number) => addressesOf(document, askerAt(web, '10.1.0.4'), 'pair', 4, turn);
  expect(ask(0)).toEqual({ found: ['10.1.0.2', '10.1.0.3'] });
  expect(ask(1)).toEqual({ found: ['10.1.0.3', '10.1.0.2'] });
  expect(ask(2)).toEqual(ask(0));
});

test('names of addresses', () => {
  const asker = askerAt(web, '10.1.0.2');
  expect(namesOf(document, asker, '10.1.0.3')).toEqual({ found: ['b.web'] });
  expect(namesOf(document, asker, '10.1.0.99')).toBe('absent');
  expect(namesOf(document, asker, '10.2.0.2')).toBe('foreign');
  expect(reversed('3.0.1.10.in-addr.arpa')).toBe('10.1.0.3');
  expect(reversed(`3.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`)).toBe('fd00:0000:0000:0000:0000:0000:0000:0003');
  expect([reversed('example.test'), reversed('1.in-addr.arpa')]).toEqual([null, null]);
});

test('a question and its answer, read by the library and by us', () => {
  const message = dns.encode({
    type: 'query',
    id: 4711,
    flags: dns.RECURSION_DESIRED,
    questions: [{ type: 'A', name: 'Pair' }],
  });
  const question = readQuestion(message);
  if (question === null || typeof question === 'number') throw new Error('no question');
  const answer = dns.decode(answerTo(question, RCODE.NOERROR, ['10.1.0.2', '10.1.0.3']));
  expect(answer).toMatchObject({
    type: 'response',
    id: 4711,
    rcode: 'NOERROR',
    flag_aa: true,
    flag_rd: true,
    flag_ra: true,
  });
  expect(answer.answers).toMatchObject([{ name: 'Pair', data: '10.1.0.2' }, { data: '10.1.0.3' }]);
  const many = Array.from({ length: 60 }, (_, index) => `10.1.0.${index + 2}`);
  const cut = asDatagram(answerTo(question, RCODE.NOERROR, many), question);
  expect(dns.decode(cut)).toMatchObject({ flag_tc: true, answers: [] });
});

test('whatever comes, an error or silence is the worst of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const message = Buffer.from(bytes);
      const question = readQuestion(message);
      if (question === null) return;
      const answer = typeof question === 'number' ? errorTo(message, question) : answerTo(question, RCODE.NXDOMAIN);
      expect(answer.readUInt16BE(0)).toBe(message.readUInt16BE(0));
    }),
    { numRuns: 2000 },
  );
});

test('messages over TCP, in whatever pieces they come', () => {
  const [one, two] = [Buffer.from('first'), Buffer.from('second')];
  const all = Buffer.concat([framed(one), framed(two)]);
  expect(unframed(all.subarray(0, 1))[0]).toBeNull();
  expect(unframed(all.subarray(0, 4))[0]).toBeNull();
  const [first, rest] = unframed(all);
  expect([first, unframed(rest)[0]]).toEqual([one, two]);
});
