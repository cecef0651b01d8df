/** Subnets, pools and the choice of addresses, without a kernel. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseAddresses, release } from '../../src/networks/addresses/choice.ts';
import type { EndpointRecord, NetworkRecord, SubnetSettings } from '../../src/networks/model.ts';
import { normalizeNetworkRequest, normalizeSubnet } from '../../src/networks/network-request.ts';
import { allotSubnet, newIpv6Prefix, refuseTaken, type Taken } from '../../src/networks/addresses/pools.ts';
import { formatPublished, parsePublished } from '../../src/networks/gateway/published-text.ts';
import { hostRange, nextFree, overlap, parseSubnet } from '../../src/networks/addresses/subnet.ts';

function networkOf(...subnets: (Pick<SubnetSettings, 'subnet'> & Partial<SubnetSettings>)[]): NetworkRecord {
  return {
    id: '0'.repeat(64),
    name: 'net',
    created: '2026-01-31T12:00:00.000Z',
    driver: 'bridge',
    vlan: 10,
    internal: false,
    isolated: false,
    mtu: 1500,
    dns: true,
    labels: {},
    subnets: subnets.map(normalizeSubnet),
    endpoints: [],
  };
}

function endpoint(name: string, addresses: string[]): EndpointRecord {
  const place = { netns: name, ifname: 'eth0', mac: '02:00:00:00:00:01' };
  return {
    id: name,
    name,
    ...place,
    addresses,
    aliases: [],
    links: [],
    published: [],
    isDefaultRoute: false,
    remembered: null,
  };
}

/** A member joins: the network as it is then. */
function join(network: NetworkRecord, name: string, wanted: string[] = []): NetworkRecord {
  const { addresses, subnets } = chooseAddresses(network, wanted);
  return { ...network, subnets, endpoints: [...network.endpoints, endpoint(name, addresses)] };
}

function leave(network: NetworkRecord, name: string): NetworkRecord {
  const left = network.endpoints.find((each) => each.name === name)!;
  const endpoints = network.endpoints.filter((each) => each !== left);
  return { ...network, endpoints, subnets: release(network.subnets, left.addresses) };
}

const addressesIn = (network: NetworkRecord): string[] => network.endpoints.flatMap(({ addresses }) => addresses);

describe('subnets', () => {
  test.each`
    subnet             | first          | last
    ${'10.0.0.0/24'}   | ${'10.0.0.1'}  | ${'10.0.0.254'}
    ${'10.0.0.0/30'}   | ${'10.0.0.1'}  | ${'10.0.0.2'}
    ${'10.0.0.0/31'}   | ${'10.0.0.0'}  | ${'10.0.0.1'}
    ${'fd00:1::/64'}   | ${'fd00:1::1'} | ${'fd00:1::ffff:ffff:ffff:ffff'}
    ${'fd00:1::4/127'} | ${'fd00:1::4'} | ${'fd00:1::5'}
  `('hosts of $subnet are $first to $last', ({ subnet, first, last }) => {
    const range = hostRange(parseSubnet(subnet, 'subnet'));
    expect([range.first, range.last]).toEqual([
      parseSubnet(`${first}/${first.includes(':') ? 128 : 32}`, '').first,
      parseSubnet(`${last}/${last.includes(':') ? 128 : 32}`, '').first,
    ]);
  });

  test.each`
    wanted                                                        | says
    ${{ subnet: '10.0.0.1/24' }}                                  | ${'write 10.0.0.0/24'}
    ${{ subnet: '10.0.0.0' }}                                     | ${'no prefix length'}
    ${{ subnet: '10.0.0.0/32' }}                                  | ${'no room for a gateway and a member'}
    ${{ subnet: 'nonsense/24' }}                                  | ${'is not an IP address'}
    ${{ subnet: '10.0.0.0/24', gateway: '10.0.1.1' }}             | ${'not in the subnet 10.0.0.0/24'}
    ${{ subnet: '10.0.0.0/24', gateway: '10.0.0.255' }}           | ${'stands for the subnet'}
    ${{ subnet: '10.0.0.0/24', ipRange: '10.0.0.0/16' }}          | ${'not part of the subnet'}
    ${{ subnet: '10.0.0.0/24', auxAddresses: { r: '10.0.0.1' } }} | ${"is the gateway's"}
  `('refused: $wanted', ({ wanted, says }) => {
    expect(() => normalizeSubnet(wanted)).toThrow(says);
  });

  test('overlap is what it says, whatever the subnets', () => {
    const subnet = fc
      .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 8, max: 32 }))
      .map(([address, bits]) => {
        const size = 2 ** (32 - bits);
        const first = Math.floor(address / size) * size;
        return { family: 4 as const, first: BigInt(first), last: BigInt(first + size - 1), prefixBits: bits };
      });
    fc.assert(
      fc.property(subnet, subnet, (a, b) => {
        const bits = BigInt(32 - Math.min(a.prefixBits, b.prefixBits));
        expect(overlap(a, b)).toBe(a.first >> bits === b.first >> bits);
      }),
    );
  });
});

describe('pools', () => {
  const taken = (...subnets: string[]): Taken[] =>
    subnets.map((subnet) => ({ subnet: parseSubnet(subnet, 'subnet'), by: 'a test' }));

  test('the first that nobody has; smaller ones behind; then none', () => {
    expect(allotSubnet(4, '', [])).toBe('172.17.0.0/16');
    expect(allotSubnet(4, '', taken('172.17.5.0/24', '172.18.0.0/15'))).toBe('172.20.0.0/16');
    expect(allotSubnet(4, '', taken('172.16.0.0/12'))).toBe('192.168.0.0/20');
    expect(() => allotSubnet(4, '', taken('172.16.0.0/12', '192.168.0.0/16'))).toThrow('give one with --subnet');
  });

  test('IPv6: a unique local prefix, a /64 after the other', () => {
    const prefix = newIpv6Prefix(() => Buffer.from([0, 0x34, 0x56, 0, 1]));
    expect(prefix).toBe('fd00:3456:1');
    expect(allotSubnet(6, prefix, [])).toBe('fd00:3456:1:1::/64');
    expect(allotSubnet(6, prefix, taken('fd00:3456:1:1::/64'))).toBe('fd00:3456:1:2::/64');
  });

  test('what overlaps is refused with what it overlaps', () => {
    expect(() => refuseTaken('172.17.0.0/24', taken('172.17.0.0/16'))).toThrow('overlaps 172.17.0.0/16, a test');
    expect(() => refuseTaken('172.18.0.0/24', taken('172.17.0.0/16'))).not.toThrow();
  });
});

describe('addresses', () => {
  test('one after the other; one that was released comes last', () => {
    let network = networkOf({ subnet: '10.0.0.0/29' });
    for (const name of ['a', 'b', 'c']) network = join(network, name);
    expect(addressesIn(network)).toEqual(['10.0.0.2/29', '10.0.0.3/29', '10.0.0.4/29']);
    network = join(leave(network, 'a'), 'd');
    expect(addressesIn(network)).toEqual(['10.0.0.3/29', '10.0.0.4/29', '10.0.0.5/29']);
    for (const name of ['e', 'f']) network = join(network, name);
    expect(addressesIn(network).slice(-2)).toEqual(['10.0.0.6/29', '10.0.0.2/29']);
    expect(() => join(network, 'g')).toThrow('no address left in 10.0.0.0/29');
    expect(addressesIn(join(leave(network, 'c'), 'g')).at(-1)).toBe('10.0.0.4/29');
  });

  test('one that was asked for and released is not chosen next', () => {
    const network = join(networkOf({ subnet: '10.0.0.0/24' }), 'a', ['10.0.0.2']);
    expect(addressesIn(join(leave(network, 'a'), 'b'))).toEqual(['10.0.0.3/24']);
  });

  test('never the gateway, a reservation or what is outside the range', () => {
    let network = networkOf(
      { subnet: '10.0.0.0/24', ipRange: '10.0.0.8/30', gateway: '10.0.0.9', auxAddresses: { r: '10.0.0.10' } },
      { subnet: 'fd00:1::/64' },
    );
    network = join(join(network, 'a'), 'b');
    expect(addressesIn(network)).toEqual(['10.0.0.8/24', 'fd00:1::2/64', '10.0.0.11/24', 'fd00:1::3/64']);
    expect(() => join(network, 'c')).toThrow('no address left in 10.0.0.8/30');
    expect(addressesIn(join(network, 'c', ['10.0.0.200'])).at(-2)).toBe('10.0.0.200/24');
  });

  test.each`
    wanted                      | says
    ${['10.0.0.1']}             | ${'the gateway has it'}
    ${['10.0.0.7']}             | ${'the reservation r has it'}
    ${['10.0.0.2']}             | ${'member a has it'}
    ${['10.0.1.2']}             | ${'is in no subnet of network net (10.0.0.0/24)'}
    ${['10.0.0.5/16']}          | ${'must have the prefix length'}
    ${['10.0.0.0']}             | ${'no host can have it'}
    ${['10.0.0.5', '10.0.0.6']} | ${'two are of 10.0.0.0/24'}
    ${['x']}                    | ${'is not an IP address'}
  `('$wanted is refused: $says', ({ wanted, says }) => {
    const network = join(networkOf({ subnet: '10.0.0.0/24', auxAddresses: { r: '10.0.0.7' } }), 'a');
    expect(() => chooseAddresses(network, wanted)).toThrow(says);
  });

  test('a large pool is not walked through', () => {
    const range = { first: 1n, last: 2n ** 64n };
    expect(nextFree(range, undefined, new Set([1n, 2n, 3n]))).toBe(4n);
    expect(nextFree(range, 2n ** 64n, new Set([1n]))).toBe(2n);
  });
});

test.each`
  request                                                                          | says
  ${{ name: 'a/b' }}                                                               | ${'no network name'}
  ${{ name: 'a', driver: 'host' }}                                                 | ${'exists always'}
  ${{ name: 'a', vlan: 4095 }}                                                     | ${'no VLAN ID'}
  ${{ name: 'a', mtu: 1000, ipv6: true }}                                          | ${'from 1280 to 9000, with IPv6'}
  ${{ name: 'a', subnets: [{ subnet: '10.0.0.0/8' }, { subnet: '10.1.0.0/16' }] }} | ${'10.1.0.0/16 and 10.0.0.0/8 overlap'}
`('a network is refused: $says', ({ request, says }) => {
  expect(() => normalizeNetworkRequest(request)).toThrow(says);
});

describe('published ports', () => {
  test.each`
    text                            | means
    ${'8080:80'}                    | ${'8080->80/tcp'}
    ${'53:53/udp'}                  | ${'53->53/udp'}
    ${'127.0.0.1:8000-8010:90-100'} | ${'127.0.0.1:8000-8010->90-100/tcp'}
    ${'[::1]:8080:80/tcp'}          | ${'[::1]:8080->80/tcp'}
    ${'[FD00:0::1]:8080:80/tcp'}    | ${'[fd00::1]:8080->80/tcp'}
  `('$text means $means', ({ text, means }) => {
    expect(formatPublished(parsePublished(text))).toBe(means);
  });

  test.each(['80', '0:80', '8080:80/sctp', '8080-8081:80', '8081-8080:80-81', '65536:1', '[::1:80:80', ''])(
    '%j is refused with an example or a reason',
    (text) => {
      expect(() => parsePublished(text)).toThrow(`"${text}" cannot be published: `);
    },
  );
});
