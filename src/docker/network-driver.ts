/** libnetwork's remote network driver: what Docker asks for networks, endpoints and published ports, and what it is told. */
import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { parseUnicastMac } from '../control/address-text.ts';
import { randomMac } from '../control/attach/netdev-name.ts';
import type { Log } from '../control/log.ts';
import type { HandoversControl, Published } from '../networks/model.ts';
import { formatPublished } from '../networks/gateway/published-text.ts';
import * as bodies from './bodies.ts';
import type { ForwardRules } from './forward-rules.ts';
import { endpointOptions, limitOptions, networkOptions } from './options.ts';
import { publishedPorts } from './ports.ts';
import { type Handlers, handler } from './protocol.ts';

/** How interfaces are called in the container, with a number. */
const INTERFACE_PREFIX = 'eth';
const NAME_DIGITS = 12;

export interface NetworkDriverOptions {
  handovers: HandoversControl;
  forwardRules: ForwardRules;
  log: Log;
}

export const NETWORK_CAPABILITIES = { Scope: 'local', ConnectivityScope: 'local' };

export function networkDriver({ handovers, forwardRules, log }: NetworkDriverOptions): Handlers {
  const vlanOf = (id: string): number | null => handovers.networks().find((network) => network.id === id)?.vlan ?? null;
  return {
    CreateNetwork: handler(bodies.createNetwork, async ({ NetworkID, Options, IPv4Data, IPv6Data }) => {
      const given = Options?.[bodies.GENERIC_OPTIONS] ?? {};
      const { hostGateway, ...options } = networkOptions(given);
      const subnets = [...(IPv4Data ?? []), ...(IPv6Data ?? [])].flatMap(subnetOf);
      await handovers.createNetwork({
        name: `docker-${NetworkID.slice(0, NAME_DIGITS)}`,
        ...options,
        id: NetworkID,
        internal: Options?.[bodies.INTERNAL_OPTION] ?? false,
        subnets: subnets.map(({ gateway, ...subnet }) => ({ ...subnet, ...(gateway === null ? {} : { gateway }) })),
        // Without an address of its own it could only take a container's.
        hostGateway: hostGateway && subnets.every(({ gateway }) => gateway !== null),
        limits: limitOptions(given),
      });
      return {};
    }),

    DeleteNetwork: handler(bodies.network, async ({ NetworkID }) => {
      await handovers.removeNetwork(NetworkID);
      if (handovers.networks().length === 0) await forwardRules.remove();
      return {};
    }),

    CreateEndpoint: handler(bodies.createEndpoint, async ({ NetworkID, EndpointID, Interface, Options }) => {
      const port = endpointOptions(Options ?? {}, vlanOf(NetworkID));
      const limits = limitOptions(Options ?? {});
      const addresses = [Interface?.Address, Interface?.AddressIPv6].filter((address) => typeof address === 'string');
      const given = Interface?.MacAddress || null;
      const wanted = given === null ? macFor(addresses.filter(Boolean)) : parseUnicastMac(given, 'mac');
      const place = { id: EndpointID, addresses: addresses.filter(Boolean), mac: wanted, port, limits };
      const mac = await handovers.createEndpoint(NetworkID, place);
      return { Interface: given === null ? { MacAddress: mac } : {} };
    }),

    Join: handler(bodies.join, async ({ NetworkID, EndpointID, SandboxKey }) => {
      const { ifname, gateways } = await handovers.join(NetworkID, EndpointID, SandboxKey);
      await forwardRules.ensure();
      const [v4, v6] = [gateways.find((gateway) => !isIPv6(gateway)), gateways.find(isIPv6)];
      return {
        InterfaceName: { SrcName: ifname, DstPrefix: INTERFACE_PREFIX },
        ...(v4 === undefined ? {} : { Gateway: v4 }),
        ...(v6 === undefined ? {} : { GatewayIPv6: v6 }),
        // Else Docker adds an interface on a bridge of its own.
        DisableGatewayService: v4 === undefined,
      };
    }),

    ProgramExternalConnectivity: handler(bodies.programConnectivity, async ({ NetworkID, EndpointID, Options }) => {
      const published = await publishedPorts(Options?.['com.docker.network.portmap'] ?? []);
      await handovers.publish(NetworkID, EndpointID, published);
      tell(log, EndpointID, published);
      return {};
    }),

    RevokeExternalConnectivity: handler(bodies.endpoint, async ({ NetworkID, EndpointID }) => {
      await handovers.publish(NetworkID, EndpointID, []);
      return {};
    }),

    EndpointOperInfo: handler(bodies.endpoint, async () => ({ Value: {} })),

    Leave: handler(bodies.endpoint, async ({ NetworkID, EndpointID }) => {
      await handovers.leave(NetworkID, EndpointID);
      return {};
    }),

    DeleteEndpoint: handler(bodies.endpoint, async ({ NetworkID, EndpointID }) => {
      await handovers.removeEndpoint(NetworkID, EndpointID);
      return {};
    }),
  };
}

/** None for the pool that stands for no addresses (`--ipam-driver null`). */
function subnetOf({ Pool, Gateway }: { Pool?: string | null | undefined; Gateway?: string | null | undefined }) {
  if (!Pool || Pool.endsWith('/0')) return [];
  return [{ subnet: Pool, gateway: Gateway ? (Gateway.split('/')[0] ?? null) : null }];
}

/** As Docker's bridge driver has it: who gets an address again has the same MAC, which neighbours may remember. */
function macFor(addresses: readonly string[]): string {
  const bytes = addresses
    .find((address) => !address.includes(':'))
    ?.split('/')[0]
    ?.split('.')
    .map(Number);
  if (bytes?.length !== 4) return randomMac(randomBytes);
  return ['02', '42', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** `docker port` cannot show them: Docker takes port bindings from its own drivers only. */
function tell(log: Log, endpoint: string, published: readonly Published[]): void {
  if (published.length === 0) return;
  log.info('published ports of a container', {
    endpoint: endpoint.slice(0, NAME_DIGITS),
    ports: published.map(formatPublished).join(', '),
  });
}
