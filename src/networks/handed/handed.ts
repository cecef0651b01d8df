/**
 * Handed members: tswitch makes a pair, and somebody else (Docker) takes its far end from the host into a namespace, and gives it
 * a name, addresses and routes there. Nothing of a namespace is known here but its file.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { OwnedPort } from '../../control/model.ts';
import { TswitchError } from '../../control/errors.ts';
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
  { name, ifname, mac }: Pick<EndpointRecord, 'name' | 'ifname' | 'mac'>,
  port: HandedPort,
): OwnedPort {
  const { vlan, mtu, isolated } = network;
  const far = { netns: 'host', ifname, addresses: [], mac, mtu };
  const settings = { isolated, ...(vlan === null ? {} : { vlan }), ...port };
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
