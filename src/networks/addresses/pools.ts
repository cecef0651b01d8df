/** Which subnets networks get: none that overlaps another network's, or a route of the host. */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { TswitchError } from '../../control/errors.ts';
import { ipJson } from '../../control/plumbing/ip.ts';
import type { NetworkRecord, PoolRecord } from '../model.ts';
import { formatSubnet, overlap, parseAddress, parseSubnet, type Subnet, subnetAround } from './subnet.ts';

/** What is taken, and by what, for people. */
export interface Taken {
  subnet: Subnet;
  by: string;
  /** Of a route: the netdev that it goes by. */
  dev?: string;
}

/** 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 to 192.168.240.0/20: what users of Docker know. */
function* ipv4Pools(): Generator<Subnet> {
  for (let second = 17; second < 32; second++) yield parseSubnet(`172.${second}.0.0/16`, 'subnet');
  for (let third = 0; third < 256; third += 16) yield parseSubnet(`192.168.${third}.0/20`, 'subnet');
}

/** The 65,536 subnets of a unique local prefix (RFC 4193, section 3.1). */
function* ipv6Pools(prefix: string): Generator<Subnet> {
  for (let id = 1; id < 0x1_0000; id++) yield parseSubnet(`${prefix}:${id.toString(16)}::/64`, 'subnet');
}

/** A prefix of 48 bits that nobody else is likely to have. */
export function newIpv6Prefix(random: (bytes: number) => Buffer = randomBytes): string {
  const hex = `fd${random(5).toString('hex')}`;
  // Written as the parts of an address, without zeros in front.
  return [0, 4, 8].map((at) => Number.parseInt(hex.slice(at, at + 4), 16).toString(16)).join(':');
}

/** @throws TswitchError POOL_EXHAUSTED */
export function allotSubnet(family: 4 | 6, ipv6Prefix: string, taken: readonly Taken[]): string {
  return firstFree(family === 4 ? ipv4Pools() : ipv6Pools(ipv6Prefix), family, taken);
}

/**
 * The same for a network of Docker's: from the other end of the IPv4 pools, as Docker itself takes the first of them that the host
 * has no route to, and there is none before a network has members.
 *
 * @throws TswitchError POOL_EXHAUSTED
 */
export function allotForDocker(family: 4 | 6, ipv6Prefix: string, taken: readonly Taken[]): string {
  return firstFree(family === 4 ? [...ipv4Pools()].toReversed() : ipv6Pools(ipv6Prefix), family, taken);
}

function firstFree(pools: Iterable<Subnet>, family: 4 | 6, taken: readonly Taken[]): string {
  for (const pool of pools) {
    if (!taken.some(({ subnet }) => overlap(subnet, pool))) return formatSubnet(pool);
  }
  throw new TswitchError(
    'POOL_EXHAUSTED',
    `every subnet of IPv${family} that could be allotted overlaps a network's or a route of the host: give one with --subnet`,
  );
}

interface Owners {
  networks: readonly NetworkRecord[];
  pools?: readonly PoolRecord[] | undefined;
}

/** What networks have whose gateway is the host, and pools that networks may be made of. */
export function takenBy({ networks, pools = [] }: Owners): Taken[] {
  const takenFor = (subnet: string, by: string): Taken => ({ subnet: parseSubnet(subnet, 'subnet'), by });
  return [
    ...networks
      .filter(({ hostGateway }) => hostGateway !== false)
      .flatMap(({ name, subnets }) => subnets.map(({ subnet }) => takenFor(subnet, `a subnet of network ${name}`))),
    ...pools.map(({ subnet }) => takenFor(subnet, 'a pool of addresses that Docker has')),
  ];
}

/** @throws TswitchError SUBNET_OVERLAPS */
export function refuseTaken(wanted: string, taken: readonly Taken[]): void {
  const subnet = parseSubnet(wanted, 'subnet');
  const found = taken.find((each) => overlap(each.subnet, subnet));
  if (!found) return;
  const which = formatSubnet(found.subnet);
  throw new TswitchError(
    'SUBNET_OVERLAPS',
    `${wanted} overlaps ${which === wanted ? '' : `${which}, `}${found.by}: choose another subnet, or leave it out to be given one`,
    { subnet: which, by: found.by },
  );
}

interface Route {
  dst: string;
  dev?: string;
  type?: string;
}

/** The subnets that the host has routes to, its own addresses among them; not the default routes, which cover all. */
export async function hostRoutes(): Promise<Taken[]> {
  const [ipv4, ipv6] = await Promise.all(
    ['-4', '-6'].map((family) => ipJson(null, [family, 'route', 'show', 'table', 'all'])),
  );
  return [...(ipv4 as Route[]), ...(ipv6 as Route[])].flatMap((route) => {
    const subnet = subnetOf(route.dst);
    if (!subnet || subnet.prefixBits === 0 || route.type === 'multicast') return [];
    const { dev } = route;
    return [
      dev === undefined ? { subnet, by: 'a route of the host' } : { subnet, by: `a route of the host by ${dev}`, dev },
    ];
  });
}

/** Null for `default`, and whatever else is no address. */
function subnetOf(dst: string): Subnet | null {
  const [address = '', bits] = dst.split('/');
  if (isIP(address) === 0) return null;
  try {
    const { family, value } = parseAddress(address, 'route');
    return subnetAround(family, value, bits === undefined ? (family === 4 ? 32 : 128) : Number(bits));
  } catch {
    // A broadcast or multicast address: nobody could be given a subnet there.
    return null;
  }
}
