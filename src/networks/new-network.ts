/** The record of a network that is to be made: subnets and a VLAN are allotted where none are given. Pure. */
import { NETWORKS_MAX, VID_MAX } from '../limits.ts';
import { TswitchError } from '../control/errors.ts';
import { allotSubnet, refuseTaken, type Taken, takenBy } from './addresses/pools.ts';
import { newId } from './document.ts';
import type { NetworkRecord, PoolRecord } from './model.ts';
import { type NormalNetworkRequest, normalizeSubnet } from './network-request.ts';

/** What there is beside the new network. */
export interface Surroundings {
  networks: readonly NetworkRecord[];
  /** Of addresses, apart from networks. */
  pools?: readonly PoolRecord[];
  /** Routes of the host. */
  routes: readonly Taken[];
  /** VLANs that ports have. */
  vlans: readonly number[];
  ipv6Prefix: string;
}

/** @throws TswitchError NETWORK_EXISTS, LIMIT_REACHED, SUBNET_OVERLAPS, POOL_EXHAUSTED, VLAN_IN_USE */
export function newNetwork({ ipv6, ...wanted }: NormalNetworkRequest, around: Surroundings): NetworkRecord {
  const { networks, pools, routes, ipv6Prefix } = around;
  refuseName(wanted.name, networks);
  const taken = [...takenBy({ networks, pools }), ...routes];
  for (const { subnet } of wanted.subnets) refuseTaken(subnet, taken);
  const subnets = [...wanted.subnets];
  const allot = (family: 4 | 6): void => {
    subnets.push(normalizeSubnet({ subnet: allotSubnet(family, ipv6Prefix, taken) }));
  };
  if (subnets.length === 0) allot(4);
  if (ipv6 && !subnets.some(({ subnet }) => subnet.includes(':'))) allot(6);
  const vlan = vlanFor(wanted.vlan, around);
  return { id: newId(), created: new Date().toISOString(), ...wanted, vlan, subnets, endpoints: [] };
}

/** @throws TswitchError NETWORK_EXISTS, LIMIT_REACHED */
export function refuseName(name: string, networks: readonly NetworkRecord[]): void {
  if (networks.some((network) => network.name === name)) {
    throw new TswitchError('NETWORK_EXISTS', `there is a network ${name} already: choose another name`);
  }
  if (networks.length >= NETWORKS_MAX) {
    throw new TswitchError('LIMIT_REACHED', `there are ${NETWORKS_MAX} networks at most: remove one first`);
  }
}

/** The VLAN wanted, or the highest that neither a network nor a port has. @throws TswitchError VLAN_IN_USE, LIMIT_REACHED */
export function vlanFor(wanted: number | null, { networks, vlans }: Pick<Surroundings, 'networks' | 'vlans'>): number {
  const owner = networks.find(({ vlan }) => vlan !== null && vlan === wanted);
  if (owner) {
    throw new TswitchError('VLAN_IN_USE', `VLAN ${wanted} is that of network ${owner.name}: choose another`);
  }
  if (wanted !== null) return wanted;
  const used = new Set([...networks.map(({ vlan }) => vlan), ...vlans]);
  for (let vlan = VID_MAX; vlan > 1; vlan--) if (!used.has(vlan)) return vlan;
  throw new TswitchError('LIMIT_REACHED', 'every VLAN is in use: give one with --vlan that ports use, but no network');
}
