/** The document of networks: its first content, and finding things in it. */
import { randomBytes } from 'node:crypto';
import { afterReboot } from '../control/attach/netns-memory.ts';
import { readBootId } from '../control/plumbing/boot-id.ts';
import { MTU_DEFAULT } from '../limits.ts';
import { TswitchError } from '../control/errors.ts';
import type {
  ContainerRecord,
  EndpointRecord,
  NetworkDriver,
  NetworkRecord,
  NetworksDocument,
  NetworkStore,
  SubnetRecord,
} from './model.ts';
import { isSameName, netnsOf } from './names.ts';
import { newIpv6Prefix } from './addresses/pools.ts';

export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** @param subnets of the network `bridge` */
export function firstDocument(vlan: number, subnets: SubnetRecord[]): NetworksDocument {
  return {
    networks: [{ ...always('bridge'), vlan, subnets, dns: true }, always('host'), always('none')],
    containers: [],
    nics: [],
    sysctls: [],
    ipv6Prefix: newIpv6Prefix(),
    boot: readBootId(),
  };
}

/** Start of a process that no process has. */
const ENDED = -1;

/** The document as it holds in this run of the kernel: of another one no process lives on. */
export function inThisBoot(document: NetworksDocument, boot = readBootId()): NetworksDocument {
  if (document.boot === boot) return document;
  const networks = document.networks.map((network) => ({
    ...network,
    endpoints: network.endpoints.map((endpoint) => {
      return { ...endpoint, remembered: endpoint.remembered && afterReboot(endpoint.remembered) };
    }),
  }));
  const containers = document.containers.map((container) => {
    return { ...container, process: container.process && { ...container.process, start: ENDED } };
  });
  // Those that are there are in the host again.
  return { ...document, networks, containers, nics: [], boot };
}

function always(driver: NetworkDriver): NetworkRecord {
  return {
    id: newId(),
    name: driver,
    created: new Date().toISOString(),
    driver,
    vlan: null,
    internal: false,
    isolated: false,
    mtu: MTU_DEFAULT,
    dns: false,
    labels: {},
    subnets: [],
    endpoints: [],
  };
}

/**
 * @param name or the beginning of an id that no other network has
 * @throws TswitchError NETWORK_NOT_FOUND
 */
export function findNetwork({ networks }: NetworksDocument, name: string): NetworkRecord {
  const named = networks.find((network) => network.name === name);
  if (named) return named;
  const [found, ...others] = /^[0-9a-f]{4,64}$/.test(name) ? networks.filter(({ id }) => id.startsWith(name)) : [];
  if (found && others.length === 0) return found;
  throw new TswitchError(
    'NETWORK_NOT_FOUND',
    others.length > 0
      ? `${name} is the beginning of several ids: write more of it`
      : `there is no network ${name}: \`tswitch network ls\` shows those there are`,
  );
}

/**
 * @param container a member's name, or its namespace
 * @throws TswitchError CONTAINER_NOT_FOUND
 */
export function findEndpoint(network: NetworkRecord, container: string): EndpointRecord {
  const netns = netnsOf(container);
  const found =
    network.endpoints.find(({ name }) => isSameName(name, container)) ??
    network.endpoints.find((endpoint) => endpoint.netns === netns);
  if (found) return found;
  const names = network.endpoints.map(({ name }) => name).join(', ');
  throw new TswitchError(
    'CONTAINER_NOT_FOUND',
    `${container} is not in network ${network.name}; ${names ? `its members: ${names}` : 'it has no members'}`,
  );
}

/** Every place of the container in a network. */
export function endpointsOf(
  document: NetworksDocument,
  netns: string,
): { network: NetworkRecord; endpoint: EndpointRecord }[] {
  return document.networks.flatMap((network) =>
    network.endpoints.filter((endpoint) => endpoint.netns === netns).map((endpoint) => ({ network, endpoint })),
  );
}

/** @throws TswitchError CONTAINER_NOT_FOUND */
export function findContainer({ containers }: NetworksDocument, name: string): ContainerRecord {
  const named = containers.find((container) => isSameName(container.name, name));
  const byId = /^[0-9a-f]{4,64}$/.test(name) ? containers.filter(({ id }) => id.startsWith(name)) : [];
  const found = named ?? (byId.length === 1 ? byId[0] : undefined);
  if (found) return found;
  throw new TswitchError(
    'CONTAINER_NOT_FOUND',
    `there is no container ${name}: \`tswitch ps --all\` shows those that \`tswitch run\` made`,
  );
}

/** The document with the one network as it is now; null: without it. */
export function withNetwork(document: NetworksDocument, id: string, now: NetworkRecord | null): NetworksDocument {
  const others = document.networks.flatMap((each) => (each.id === id ? [now ?? []].flat() : [each]));
  return { ...document, networks: others };
}

/** For networks that end with the daemon. */
export function memoryStore(): NetworkStore {
  return { kept: null, keeps: false, notices: [], save: () => Promise.resolve() };
}
