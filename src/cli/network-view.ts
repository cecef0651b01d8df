/** Networks as people read them who know Docker. */
import type { EndpointView, NetworkView } from '../networks/model.ts';
import { formatPublished } from '../networks/gateway/published-text.ts';
import type { Cell } from './output.ts';

const ID_CHARACTERS = 12;

export function shortId({ id }: { id: string }): string {
  return id.slice(0, ID_CHARACTERS);
}

export const NETWORK_HEADS = ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE', 'VLAN', 'SUBNETS', 'MEMBERS'];

export function networkRow(network: NetworkView): Cell[] {
  const { name, driver, scope, vlan, subnets, containers } = network;
  const pools = subnets.map(({ subnet }) => subnet).join(', ');
  return [shortId(network), name, driver, scope, vlan === null ? '-' : String(vlan), pools || '-', containers.length];
}

/** The shape that `docker network inspect` prints of each network, with what Docker has no word for under its options. */
export function dockerView(network: NetworkView): object {
  const { subnets, gateway, vlan, isolated, mtu, dns, sysctls } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv6: subnets.some(({ subnet }) => subnet.includes(':')),
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: subnets.map((subnet) => ({
        Subnet: subnet.subnet,
        ...(subnet.ipRange === null ? {} : { IPRange: subnet.ipRange }),
        Gateway: subnet.gateway,
        ...(Object.keys(subnet.auxAddresses).length > 0 ? { AuxiliaryAddresses: subnet.auxAddresses } : {}),
      })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(network.containers.map((endpoint) => [endpoint.id, containerView(endpoint)])),
    Options: {
      'tswitch.vlan': vlan === null ? '' : String(vlan),
      'tswitch.isolated': String(isolated),
      'tswitch.mtu': String(mtu),
      'tswitch.dns': String(dns),
      ...(gateway ? { 'tswitch.gateway.interface': gateway.ifname, 'tswitch.gateway.port': gateway.port } : {}),
      ...(gateway?.nftTable ? { 'tswitch.nft.table': `inet ${gateway.nftTable}` } : {}),
      ...Object.fromEntries(sysctls.map(({ name, before, now }) => [`tswitch.sysctl.${name}`, `${before} -> ${now}`])),
    },
    Labels: network.labels,
  };
}

function containerView(endpoint: EndpointView): object {
  const { name, id, mac, addresses, netns, ifname, port, state, aliases, links, published } = endpoint;
  const { ingressRate, egressRate } = endpoint;
  return {
    Name: name,
    EndpointID: id,
    MacAddress: mac,
    IPv4Address: addresses.find((address) => !address.includes(':')) ?? '',
    IPv6Address: addresses.find((address) => address.includes(':')) ?? '',
    NetworkNamespace: netns,
    Interface: ifname,
    Port: port,
    State: state,
    Aliases: aliases,
    Links: links.map(({ container, alias }) => `${container}:${alias}`),
    Ports: published.map(formatPublished),
    ...(ingressRate === null ? {} : { IngressRate: ingressRate }),
    ...(egressRate === null ? {} : { EgressRate: egressRate }),
  };
}

export function describeEndpoint({ name, netns, ifname, addresses, mac, published }: EndpointView): string {
  const facts = [`${netns}/${ifname}`, ...addresses, mac, ...published.map(formatPublished)];
  return `${name}: ${facts.join(', ')}`;
}
