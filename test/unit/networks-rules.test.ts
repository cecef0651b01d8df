/** The table of nftables that a network has. */
import { expect, test } from 'vitest';
import type { EndpointRecord, NetworkRecord, Published } from '../../src/networks/model.ts';
import { normalizeSubnet } from '../../src/networks/network-request.ts';
import { refusePublished } from '../../src/networks/gateway/published.ts';
import { rulesetOf } from '../../src/networks/gateway/rules.ts';

function network(published: Published[], internal = false): NetworkRecord {
  const endpoint: EndpointRecord = {
    id: 'e',
    name: 'a',
    netns: 'a',
    ifname: 'eth0',
    mac: '02:00:00:00:00:01',
    addresses: ['10.1.0.2/24', 'fd00::2/64'],
    aliases: [],
    links: [],
    published,
    isDefaultRoute: true,
    remembered: null,
  };
  const settings = { driver: 'bridge' as const, isolated: false, mtu: 1500, dns: true, labels: {} };
  const subnets = ['10.1.0.0/24', 'fd00::/64'].map((subnet) => normalizeSubnet({ subnet }));
  return {
    id: '3f0d9a12ab',
    name: 'web',
    created: '',
    vlan: 10,
    internal,
    ...settings,
    subnets,
    endpoints: [endpoint],
  };
}

const published = (fields: Partial<Published> = {}): Published => ({
  protocol: 'tcp',
  hostIp: null,
  hostPort: 8080,
  containerPort: 80,
  count: 1,
  ...fields,
});

test('the way out and two published ports', () => {
  expect(rulesetOf(network([published({ count: 2 }), published({ hostIp: '192.0.2.1', protocol: 'udp' })])))
    .toBe(`table inet tswitch_3f0d9a12
delete table inet tswitch_3f0d9a12
table inet tswitch_3f0d9a12 {
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "tsg-3f0d9a12" oifname "tsg-3f0d9a12" accept
    ct status dnat accept
    iifname "tsg-3f0d9a12" oifname "tsg-*" drop
    oifname "tsg-3f0d9a12" ct state established,related accept
    oifname "tsg-3f0d9a12" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname != "tsg-3f0d9a12" ip saddr 10.1.0.0/24 ip daddr != 10.1.0.0/24 masquerade
    oifname "tsg-3f0d9a12" ip saddr 10.1.0.0/24 ct status dnat masquerade
    oifname != "tsg-3f0d9a12" ip6 saddr fd00::/64 ip6 daddr != fd00::/64 masquerade
    oifname "tsg-3f0d9a12" ip6 saddr fd00::/64 ct status dnat masquerade
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta nfproto ipv4 fib daddr type local tcp dport 8080 dnat ip to 10.1.0.2:80
    meta nfproto ipv4 fib daddr type local tcp dport 8081 dnat ip to 10.1.0.2:81
    meta nfproto ipv6 fib daddr type local tcp dport 8080 dnat ip6 to [fd00::2]:80
    meta nfproto ipv6 fib daddr type local tcp dport 8081 dnat ip6 to [fd00::2]:81
    ip daddr 192.0.2.1 fib daddr type local udp dport 8080 dnat ip to 10.1.0.2:80
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta nfproto ipv4 ip daddr != 127.0.0.0/8 fib daddr type local tcp dport 8080 dnat ip to 10.1.0.2:80
    meta nfproto ipv4 ip daddr != 127.0.0.0/8 fib daddr type local tcp dport 8081 dnat ip to 10.1.0.2:81
    meta nfproto ipv6 ip6 daddr != ::1 fib daddr type local tcp dport 8080 dnat ip6 to [fd00::2]:80
    meta nfproto ipv6 ip6 daddr != ::1 fib daddr type local tcp dport 8081 dnat ip6 to [fd00::2]:81
    ip daddr 192.0.2.1 ip daddr != 127.0.0.0/8 fib daddr type local udp dport 8080 dnat ip to 10.1.0.2:80
  }
}
`);
});

test('an internal network lets nothing through; loopback addresses are none of the packet filter’s', () => {
  expect(rulesetOf(network([], true))).toBe(`table inet tswitch_3f0d9a12
delete table inet tswitch_3f0d9a12
table inet tswitch_3f0d9a12 {
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "tsg-3f0d9a12" drop
    oifname "tsg-3f0d9a12" drop
  }
}
`);
  expect(rulesetOf(network([published({ hostIp: '127.0.0.1' }), published({ hostIp: '::1' })]))).not.toMatch('dport');
});

test.each`
  wanted                                                             | says
  ${[published()]}                                                   | ${'published by a in network web'}
  ${[published({ hostIp: '192.0.2.1' })]}                            | ${'published by a in network web'}
  ${[published({ hostPort: 8079, count: 2 })]}                       | ${'published by a in network web'}
  ${[published({ hostPort: 9000 }), published({ hostPort: 9000 })]}  | ${'take the same port'}
  ${[published({ hostPort: 65_535, count: 2 })]}                     | ${'beyond port 65535'}
  ${[published({ hostIp: '::1 accept' })]}                           | ${'is no address of the host'}
  ${[published({ hostIp: 'fe80::1%eth0' })]}                         | ${'is no address of the host'}
  ${[published({ protocol: 'udp' }), published({ hostPort: 8081 })]} | ${null}
`('$wanted beside 8080/tcp: $says', ({ wanted, says }) => {
  const web = network([published()]);
  const document = { networks: [web], containers: [], nics: [], sysctls: [], ipv6Prefix: '', boot: '' };
  const check = (): void => refusePublished(document, web, wanted);
  if (says === null) expect(check).not.toThrow();
  else expect(check).toThrow(says);
});
