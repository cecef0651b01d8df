/**
 * What the host's packet filter does for one network, as the text of a table of its own (nft(8), family inet). Pure. Of the
 * network's name nothing is in it: only the id, numbers and addresses that were checked.
 */
import { isIPv6 } from 'node:net';
import { bareAddress } from '../addresses/choice.ts';
import type { NetworkRecord, Published } from '../model.ts';
import { GATEWAY_PREFIX, gatewayIfname } from '../names.ts';

export const TABLE_PREFIX = 'tswitch_';

export function tableOf(id: string): string {
  return `${TABLE_PREFIX}${id.slice(0, 8)}`;
}

/** A port of the host, and the member's address and port that it leads to. */
interface Target {
  published: Published;
  address: string;
}

/** Replaces the table as a whole: there is no moment without it. */
export function rulesetOf(network: NetworkRecord): string {
  const table = tableOf(network.id);
  return [
    // Deleting one that is not there is an error, so it is made first.
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...chain('forward', 'type filter hook forward priority filter; policy accept;', forwardRules(network)),
    ...(network.internal ? [] : natChains(network)),
    '}',
    '',
  ].join('\n');
}

export function deletionOf(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

/**
 * From outside only answers and published ports; between networks nothing. A chain that accepts does not overrule other
 * tables: who drops, drops.
 */
function forwardRules({ id, internal }: NetworkRecord): string[] {
  const own = `"${gatewayIfname(id)}"`;
  const others = `"${GATEWAY_PREFIX}*"`;
  if (internal) return [`iifname ${own} drop`, `oifname ${own} drop`];
  return [
    `iifname ${own} oifname ${own} accept`,
    'ct status dnat accept',
    `iifname ${own} oifname ${others} drop`,
    `oifname ${own} ct state established,related accept`,
    `oifname ${own} drop`,
  ];
}

function natChains(network: NetworkRecord): string[] {
  const targets = targetsOf(network);
  return [
    ...chain('postrouting', 'type nat hook postrouting priority srcnat; policy accept;', masqueradeRules(network)),
    ...chain(
      'prerouting',
      'type nat hook prerouting priority dstnat; policy accept;',
      targets.flatMap((target) => dnatRules(target, 'fib daddr type local')),
    ),
    // By number: the name `dstnat` is of prerouting alone. Loopback addresses are for the proxies (proxies.ts).
    ...chain(
      'output',
      'type nat hook output priority -100; policy accept;',
      targets.flatMap((target) => {
        const isV6 = isIPv6(target.address);
        return dnatRules(target, `${isV6 ? 'ip6 daddr != ::1' : 'ip daddr != 127.0.0.0/8'} fib daddr type local`);
      }),
    ),
  ];
}

/**
 * Members go out with the host's address. So do those that come back in by a published port: the answer has to pass the host
 * again, and would not if it could go straight.
 */
function masqueradeRules({ id, subnets }: NetworkRecord): string[] {
  const own = `"${gatewayIfname(id)}"`;
  return subnets.flatMap(({ subnet }) => {
    const ip = subnet.includes(':') ? 'ip6' : 'ip';
    return [
      `oifname != ${own} ${ip} saddr ${subnet} ${ip} daddr != ${subnet} masquerade`,
      `oifname ${own} ${ip} saddr ${subnet} ct status dnat masquerade`,
    ];
  });
}

/** One rule per port: what nft makes of two ranges does not keep their order. */
function dnatRules({ published, address }: Target, to: string): string[] {
  const { protocol, hostIp, hostPort, containerPort, count } = published;
  const isV6 = isIPv6(address);
  const [ip, target] = isV6 ? ['ip6', `[${address}]`] : ['ip', address];
  const isAny = hostIp === null || hostIp === '0.0.0.0' || hostIp === '::';
  const match = isAny ? `meta nfproto ${isV6 ? 'ipv6' : 'ipv4'} ${to}` : `${ip} daddr ${hostIp} ${to}`;
  return Array.from({ length: count }, (_, index) => {
    return `${match} ${protocol} dport ${hostPort + index} dnat ${ip} to ${target}:${containerPort + index}`;
  });
}

/** What is published on addresses other than loopback ones, for each family that both sides have. */
function targetsOf({ endpoints }: NetworkRecord): Target[] {
  return endpoints.flatMap(({ addresses, published: all }) =>
    all.flatMap((published) =>
      addresses
        .map(bareAddress)
        .filter((address) => isFamily(published.hostIp, isIPv6(address)) && !isLoopback(published.hostIp))
        .map((address) => ({ published, address })),
    ),
  );
}

export function isLoopback(hostIp: string | null): boolean {
  return hostIp !== null && (hostIp === '::1' || hostIp.startsWith('127.'));
}

function isFamily(hostIp: string | null, isV6: boolean): boolean {
  return hostIp === null || isIPv6(hostIp) === isV6;
}

function chain(name: string, hook: string, rules: readonly string[]): string[] {
  return [`  chain ${name} {`, `    ${hook}`, ...rules.map((rule) => `    ${rule}`), '  }'];
}
