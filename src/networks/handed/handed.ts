/**
 * Handed members: tswitch makes a pair, and somebody else (Docker) takes its far end from the host into a namespace, and gives it
 * a name, addresses and routes there. Nothing of a namespace is known here but its file.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OwnedPort, RateLimits } from '../../control/model.ts';
import { TswitchError } from '../../control/errors.ts';
import { limitsIn, NO_LIMITS } from '../../control/rate-limits.ts';
import { bareAddress } from '../addresses/choice.ts';
import type { EndpointRecord, HandedPort, NetworkRecord } from '../model.ts';
import { gatewayMac, memberPort } from '../names.ts';

/** Between the coming of a member, or its being taken, and the moment that its namespace must be there. */
const GRACE_MS = 60_000;

const HANDED_PREFIX = 'tsd-';
/** The interface as long as it is in the host. */
export function handedIfname(id: string): string {
  return `${HANDED_PREFIX}${id.slice(0, 8)}`;
}

export function portOfHanded(
  network: NetworkRecord,
  { name, ifname, mac, ...limits }: Pick<EndpointRecord, 'name' | 'ifname' | 'mac' | keyof RateLimits>,
  port: HandedPort,
): OwnedPort {
  const { vlan, mtu, isolated } = network;
  const far = { netns: 'host', ifname, addresses: [], mac, mtu };
  const common = { isolated, ...limitsIn({ ...NO_LIMITS, ...limits }) };
  const settings = { ...common, ...(vlan === null ? {} : { vlan }), ...port };
  return { request: { name: memberPort(network.name, name), kind: 'veth', ...far, ...settings }, remembered: null };
}

/** Whether the namespace that it was taken into is gone, or nobody took it. */
export function isStale({ netns, handed }: EndpointRecord, now: number): boolean {
  if (!handed || now - handed.since < GRACE_MS) return false;
  // Where not even the folder can be seen, this is another mount namespace, or the machine has just come up.
  return netns === '' || (!existsSync(netns) && existsSync(dirname(netns)));
}

/** Whether the host, as the network's gateway, is a neighbour of the member. */
export function reachesGateway(network: NetworkRecord, { handed }: Pick<EndpointRecord, 'handed'>): boolean {
  return handed?.port.vlan === undefined || handed.port.vlan === network.vlan;
}

/** @throws TswitchError ADDRESS_IN_USE */
export function refuseTwins(
  network: NetworkRecord,
  { mac, addresses }: Pick<EndpointRecord, 'mac' | 'addresses'>,
): void {
  if (mac === gatewayMac(network.id)) {
    throw new TswitchError('ADDRESS_IN_USE', `${mac} in network ${network.name} is taken: the gateway has it`);
  }
  for (const other of network.endpoints) {
    const address = addresses.map(bareAddress).find((each) => other.addresses.map(bareAddress).includes(each));
    const taken = address ?? (other.mac === mac ? mac : undefined);
    if (taken === undefined) continue;
    throw new TswitchError(
      'ADDRESS_IN_USE',
      `${taken} in network ${network.name} is taken: member ${other.name} has it`,
    );
  }
}

/** @throws TswitchError CONTAINER_NOT_FOUND */
export function endpointOf(network: NetworkRecord, id: string) {
  const endpoint = network.endpoints.find((each) => each.id === id);
  if (endpoint?.handed) return { endpoint, handed: endpoint.handed };
  throw new TswitchError(
    'CONTAINER_NOT_FOUND',
    `endpoint ${id.slice(0, 12)} is not in network ${network.name}: start the container again`,
  );
}

export function withEndpoint(network: NetworkRecord, endpoint: EndpointRecord): NetworkRecord {
  return { ...network, endpoints: network.endpoints.map((each) => (each.id === endpoint.id ? endpoint : each)) };
}
