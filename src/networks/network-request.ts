/** What a request for a network means: defaults filled in, and everything refused that contradicts itself. Pure. */
import { MTU_DEFAULT, MTU_MAX, MTU_MIN, NETWORK_NAME, VID_MAX, VID_MIN } from '../limits.ts';
import { TswitchError } from '../control/errors.ts';
import type { NetworkRequest, NetworkSettings, SubnetRecord } from './model.ts';
import {
  contains,
  formatAddress,
  formatSubnet,
  hostRange,
  overlap,
  parseAddress,
  parseSubnet,
} from './addresses/subnet.ts';
import type { Subnet } from './addresses/subnet.ts';

/** IPv6 runs on no link with less (RFC 8200, section 5). */
const IPV6_MTU_MIN = 1280;

/** The settings, with `vlan` null where one is to be allotted. */
export type NormalNetworkRequest = NetworkSettings & {
  /** Those given. */
  subnets: SubnetRecord[];
  ipv6: boolean;
};

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}

/** @throws TswitchError BAD_REQUEST */
export function normalizeNetworkRequest(request: NetworkRequest): NormalNetworkRequest {
  const { name, driver = 'bridge', vlan = null, mtu = MTU_DEFAULT, ipv6 = false } = request;
  if (!NETWORK_NAME.test(name)) {
    refuse(`name: "${name}" is no network name; take 1 to 63 of A-Z a-z 0-9 . _ -, the first a letter or digit`);
  }
  if (driver !== 'bridge') {
    refuse(`driver: there is one network of driver ${driver}, which exists always; create one of driver bridge`);
  }
  if (vlan !== null && !(Number.isInteger(vlan) && vlan >= VID_MIN && vlan <= VID_MAX)) {
    refuse(`vlan: ${vlan} is no VLAN ID; take ${VID_MIN} to ${VID_MAX}`);
  }
  const subnets = (request.subnets ?? []).map(normalizeSubnet);
  refuseOverlaps(subnets);
  const isIpv6 = ipv6 || subnets.some(({ subnet }) => subnet.includes(':'));
  const least = isIpv6 ? IPV6_MTU_MIN : MTU_MIN;
  if (!Number.isInteger(mtu) || mtu < least || mtu > MTU_MAX) {
    refuse(`mtu: must be a whole number from ${least} to ${MTU_MAX}${isIpv6 ? ', with IPv6' : ''}`);
  }
  return {
    name,
    driver,
    vlan,
    internal: request.internal ?? false,
    isolated: request.isolated ?? false,
    mtu,
    dns: request.dns ?? true,
    labels: request.labels ?? {},
    subnets,
    ipv6,
  };
}

/** A subnet to be kept: in its one spelling, with a gateway, and nothing given of it yet. */
export function normalizeSubnet(wanted: NonNullable<NetworkRequest['subnets']>[number]): SubnetRecord {
  const subnet = parseSubnet(wanted.subnet, 'subnet');
  const hosts = hostRange(subnet);
  if (hosts.last - hosts.first < 1n) {
    refuse(`subnet: ${wanted.subnet} has no room for a gateway and a member; take a shorter prefix`);
  }
  const ipRange = wanted.ipRange == null ? null : parseSubnet(wanted.ipRange, 'ipRange');
  if (ipRange && !(contains(subnet, at(ipRange)) && ipRange.last <= subnet.last)) {
    refuse(`ipRange: ${wanted.ipRange} is not part of the subnet ${wanted.subnet}`);
  }
  const gateway = wanted.gateway === undefined ? hosts.first : inside(subnet, wanted.gateway, 'gateway', wanted.subnet);
  const auxAddresses: Record<string, string> = {};
  for (const [name, address] of Object.entries(wanted.auxAddresses ?? {})) {
    const value = inside(subnet, address, `auxAddresses.${name}`, wanted.subnet);
    if (value === gateway) refuse(`auxAddresses.${name}: ${address} is the gateway's; give that another with gateway`);
    auxAddresses[name] = formatAddress(subnet.family, value);
  }
  return {
    subnet: formatSubnet(subnet),
    gateway: formatAddress(subnet.family, gateway),
    ipRange: ipRange && formatSubnet(ipRange),
    auxAddresses,
    last: null,
    released: [],
  };
}

/** The addresses that members may get by choice of ours. */
export function choiceRange({ subnet, ipRange }: Pick<SubnetRecord, 'subnet' | 'ipRange'>): {
  first: bigint;
  last: bigint;
} {
  const hosts = hostRange(parseSubnet(subnet, 'subnet'));
  if (ipRange === null) return hosts;
  const range = parseSubnet(ipRange, 'ipRange');
  return {
    first: range.first > hosts.first ? range.first : hosts.first,
    last: range.last < hosts.last ? range.last : hosts.last,
  };
}

/** @throws TswitchError BAD_REQUEST where a host in the subnet cannot have the address */
export function inside(subnet: Subnet, text: string, field: string, name: string): bigint {
  const address = parseAddress(text, field);
  const hosts = hostRange(subnet);
  if (!contains(subnet, address)) refuse(`${field}: ${text} is not in the subnet ${name}`);
  if (address.value < hosts.first || address.value > hosts.last) {
    refuse(`${field}: ${text} stands for the subnet ${name} itself; no host can have it`);
  }
  return address.value;
}

function at({ family, first }: Subnet): { family: Subnet['family']; value: bigint } {
  return { family, value: first };
}

function refuseOverlaps(subnets: readonly SubnetRecord[]): void {
  for (const [index, { subnet }] of subnets.entries()) {
    const parsed = parseSubnet(subnet, 'subnet');
    const other = subnets.slice(0, index).find((each) => overlap(parsed, parseSubnet(each.subnet, 'subnet')));
    if (other) refuse(`subnets: ${subnet} and ${other.subnet} overlap`);
  }
}
