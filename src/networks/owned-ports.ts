/** The ports that networks have of the switch: one for each member, and one for the gateway. Pure. */
import type { OwnedPort, RateLimits } from '../control/model.ts';
import { limitsIn, NO_LIMITS } from '../control/rate-limits.ts';
import { parseSubnet } from './addresses/subnet.ts';
import type { EndpointRecord, NetworkRecord, NetworksDocument } from './model.ts';
import { portOfHanded } from './handed/handed.ts';
import { gatewayIfname, gatewayMac, gatewayPort, hasGateway, memberPort } from './names.ts';

type Place = Pick<EndpointRecord, 'name' | 'netns' | 'ifname' | 'addresses' | 'remembered' | keyof RateLimits> & {
  mac: string | null;
};

/** Null: the member's interface is not wanted yet, or not any more. */
export function portOfEndpoint(network: NetworkRecord, endpoint: EndpointRecord): OwnedPort | null {
  const { handed, netns } = endpoint;
  if (!handed) return portOfMember(network, endpoint);
  return netns === '' ? null : portOfHanded(network, endpoint, handed.port);
}

/** With all that makes it the same port again in the daemon's next life. */
export function portOfMember(
  network: NetworkRecord,
  { name, netns, ifname, addresses, mac, remembered, ...limits }: Place,
): OwnedPort {
  const far = { netns, ifname, addresses, mac, mtu: network.mtu };
  const settings = { isolated: network.isolated, ...limitsIn({ ...NO_LIMITS, ...limits }), ...vlanOf(network) };
  return { request: { name: memberPort(network.name, name), kind: 'veth', ...far, ...settings }, remembered };
}

/** Its far end is in the host, with the gateway's addresses. */
export function portOfGateway(network: NetworkRecord): OwnedPort {
  const { id, name, subnets, mtu } = network;
  const addresses = subnets.map(({ subnet, gateway }) => `${gateway}/${parseSubnet(subnet, 'subnet').prefixBits}`);
  const far = { netns: 'host', ifname: gatewayIfname(id), addresses, mac: gatewayMac(id), mtu };
  return { request: { name: gatewayPort(name), kind: 'veth', ...far, ...vlanOf(network) }, remembered: null };
}

/** All that are wished. A network without members needs none. */
export function ownedPorts({ networks }: NetworksDocument): OwnedPort[] {
  return networks
    .filter(({ endpoints }) => endpoints.length > 0)
    .flatMap((network) => [
      ...(hasGateway(network) ? [portOfGateway(network)] : []),
      ...network.endpoints.flatMap((endpoint) => portOfEndpoint(network, endpoint) ?? []),
    ]);
}

function vlanOf({ vlan }: NetworkRecord): { vlan?: number } {
  return vlan === null ? {} : { vlan };
}
