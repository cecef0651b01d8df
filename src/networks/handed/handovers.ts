/**
 * Networks of somebody else's (Docker), and their members. Every call may come twice, since whoever calls may not have heard
 * the answer; what is to be removed may be gone already. Changes are kept before they are acknowledged, like all of networks.
 */
import type { ChangeQueue } from '../../control/change-queue.ts';
import { TswitchError } from '../../control/errors.ts';
import { ipBatch } from '../../control/plumbing/ip.ts';
import { readNetdev } from '../../control/plumbing/netdev.ts';
import { normalizePortRequest } from '../../control/port-request.ts';
import { NO_LIMITS, rateLimitsOf } from '../../control/rate-limits.ts';
import { hostRoutes, refuseTaken, takenBy } from '../addresses/pools.ts';
import { withNetwork } from '../document.ts';
import type { Gateways } from '../gateway/gateways.ts';
import { refusePublished } from '../gateway/published.ts';
import type {
  EndpointRecord,
  HandedEndpointRequest,
  HandedNetworkRequest,
  HandoversControl,
  NetworkRecord,
  NetworksDocument,
  Published,
  TakenInterface,
} from '../model.ts';
import { hasGateway, memberPort } from '../names.ts';
import { normalizeNetworkRequest } from '../network-request.ts';
import { refuseName, vlanFor } from '../new-network.ts';
import type { State } from '../state.ts';
import {
  endpointOf,
  handedIfname,
  isStale,
  portOfHanded,
  reachesGateway,
  refuseTwins,
  withEndpoint,
} from './handed.ts';
import { isIdleBridge, stepAside } from './step-aside.ts';
import { TakenLimits } from './taken-limits.ts';

/** How often is looked for members whose namespace is gone. */
const LOOK_MS = 30_000;

export interface HandoversOptions {
  state: State;
  gateways: Gateways;
  changes: ChangeQueue;
}

export class Handovers implements HandoversControl {
  readonly #options: HandoversOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #limits: TakenLimits;

  constructor(options: HandoversOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void options.changes.run(() => this.#sweep()), LOOK_MS).unref();
    const { state, changes } = options;
    this.#limits = new TakenLimits({ state, changes, networks: () => this.networks() });
  }

  /** As part of a change, when ports are there: what lies in the host is not to answer there, what was taken is limited. */
  async restore(): Promise<void> {
    const { state } = this.#options;
    await this.#sweep();
    for (const { ifname } of this.networks().flatMap(({ endpoints }) => endpoints)) {
      if (readNetdev(null, ifname)) await state.attempt(`interface ${ifname}`, () => takeDown(ifname));
    }
    await this.#limits.ensure();
  }

  networks(): NetworkRecord[] {
    return this.#document.networks.filter(({ owner }) => owner === 'docker');
  }

  createNetwork({ id, hostGateway, limits, ...request }: HandedNetworkRequest): Promise<void> {
    const { state, changes, gateways } = this.#options;
    return changes.run(async () => {
      if (this.#find(id)) return;
      const { ipv6: _, ...wanted } = normalizeNetworkRequest({ ...request, dns: false });
      const limited = rateLimitsOf(limits, NO_LIMITS, wanted.mtu);
      const document = this.#document;
      refuseName(wanted.name, document.networks);
      const idle = document.networks.filter((network) => isIdleBridge(network) && !gateways.view(network));
      const pools =
        document.pools?.filter(({ subnet }) => !wanted.subnets.some((each) => each.subnet === subnet)) ?? [];
      const others = document.networks.filter((network) => !idle.includes(network));
      const taken = [...takenBy({ networks: others, pools }), ...(await hostRoutes())];
      if (hostGateway) for (const { subnet } of wanted.subnets) refuseTaken(subnet, taken);
      const created = new Date().toISOString();
      const vlans = state.control.vlans().map(({ vlan }) => vlan);
      const vlan = vlanFor(wanted.vlan, { networks: document.networks, vlans });
      const place = { vlan, endpoints: [], owner: 'docker' as const, hostGateway };
      const network: NetworkRecord = { id, created, ...wanted, ...place, limits: limited };
      const networks = document.networks.map((each) => (idle.includes(each) ? stepAside(each, network, taken) : each));
      await state.commit({ ...document, networks: [...networks, network] });
    });
  }

  removeNetwork(id: string): Promise<void> {
    const { state, changes, gateways } = this.#options;
    return changes.run(async () => {
      for (const endpoint of this.#find(id)?.endpoints ?? []) await this.#drop(id, endpoint);
      if (!this.#find(id)) return;
      await state.commit(withNetwork(this.#document, id, null));
      await gateways.drop(id);
    });
  }

  createEndpoint(networkId: string, { id, port, limits, ...place }: HandedEndpointRequest): Promise<string> {
    return this.#options.changes.run(async () => {
      await this.#sweep();
      const network = this.#network(networkId);
      const before = network.endpoints.find((endpoint) => endpoint.id === id);
      if (before) return before.mac;
      refuseTwins(network, place);
      const endpoint: EndpointRecord = {
        ...place,
        ...rateLimitsOf(limits, network.limits ?? NO_LIMITS, network.mtu),
        id,
        name: id.slice(0, 12),
        netns: '',
        ifname: handedIfname(id),
        aliases: [],
        links: [],
        published: [],
        isDefaultRoute: false,
        remembered: null,
        handed: { port, since: Date.now() },
      };
      normalizePortRequest(portOfHanded(network, endpoint, port).request);
      await this.#commit({ ...network, endpoints: [...network.endpoints, endpoint] });
      return endpoint.mac;
    });
  }

  join(networkId: string, id: string, netns: string): Promise<TakenInterface> {
    const { state, changes, gateways } = this.#options;
    const { control } = state;
    return changes.run(async () => {
      const network = this.#network(networkId);
      const { endpoint, handed } = endpointOf(network, id);
      const { ifname } = endpoint;
      await using undo = new AsyncDisposableStack();
      await gateways.ensure(network, undo);
      const port = portOfHanded(network, endpoint, handed.port);
      const { name } = port.request;
      if (control.ownedPortState(name) === null) {
        await control.addOwnedPort(port);
        undo.defer(() => control.removeOwnedPort(name));
      }
      await takeDown(ifname);
      await this.#commit(withEndpoint(network, { ...endpoint, netns, handed: { ...handed, since: Date.now() } }));
      undo.move();
      const isRouted = hasGateway(network) && !network.internal && reachesGateway(network, endpoint);
      const isForeign = network.hostGateway === false && !network.internal;
      return { ifname, gateways: isRouted || isForeign ? network.subnets.map(({ gateway }) => gateway) : [] };
    });
  }

  leave(networkId: string, id: string): Promise<void> {
    return this.#options.changes.run(async () => {
      const network = this.#find(networkId);
      const endpoint = network?.endpoints.find((each) => each.id === id);
      if (!network || !endpoint?.handed) return;
      const handed = { ...endpoint.handed, since: Date.now() };
      await this.#commit(withEndpoint(network, { ...endpoint, netns: '', handed }));
    });
  }

  removeEndpoint(networkId: string, id: string): Promise<void> {
    return this.#options.changes.run(async () => {
      const endpoint = this.#find(networkId)?.endpoints.find((each) => each.id === id);
      if (endpoint) await this.#drop(networkId, endpoint);
    });
  }

  publish(networkId: string, id: string, published: Published[]): Promise<void> {
    const { gateways, changes } = this.#options;
    return changes.run(async () => {
      const network = this.#find(networkId);
      const endpoint = network?.endpoints.find((each) => each.id === id);
      const isSame = JSON.stringify(endpoint?.published ?? []) === JSON.stringify(published);
      if (!network || !endpoint || isSame) return;
      if (published.length > 0) this.#refusePublished(network, endpoint, published);
      const now = withEndpoint(network, { ...endpoint, published });
      await using undo = new AsyncDisposableStack();
      undo.defer(() => gateways.follow(network));
      // What is published by now is closed first: a proxy is not changed while it is open.
      await gateways.follow(withEndpoint(network, { ...endpoint, published: [] }));
      await gateways.follow(now);
      await this.#commit(now);
      undo.move();
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#limits.close();
  }

  get #document(): NetworksDocument {
    return this.#options.state.document;
  }

  #find(id: string): NetworkRecord | undefined {
    return this.#document.networks.find((network) => network.id === id && network.owner === 'docker');
  }

  #network(id: string): NetworkRecord {
    const found = this.#find(id);
    if (found) return found;
    throw new TswitchError(
      'NETWORK_NOT_FOUND',
      `tswitch does not know the network ${id.slice(0, 12)}, which Docker tells of only once: remove it with \`docker network rm\` and create it again`,
    );
  }

  #commit(network: NetworkRecord): Promise<void> {
    return this.#options.state.commit(withNetwork(this.#document, network.id, network));
  }

  async #drop(networkId: string, endpoint: EndpointRecord): Promise<void> {
    const { state, gateways } = this.#options;
    const network = this.#network(networkId);
    const now = { ...network, endpoints: network.endpoints.filter(({ id }) => id !== endpoint.id) };
    // As with every member, what is kept comes first.
    await this.#commit(now);
    if (endpoint.published.length > 0) await gateways.follow(now);
    await state.control.removeOwnedPort(memberPort(network.name, endpoint.name));
  }

  /** Members whose namespace ended without a word: whoever had taken them was killed, or could not reach us. */
  async #sweep(): Promise<void> {
    const { state } = this.#options;
    const now = Date.now();
    for (const { id, name, endpoints } of this.networks()) {
      for (const endpoint of endpoints.filter((each) => isStale(each, now))) {
        state.log.warn('a member whose namespace is gone is removed', { network: name, member: endpoint.name });
        await state.attempt(`${endpoint.name} in network ${name}`, () => this.#drop(id, endpoint));
      }
    }
  }

  #refusePublished(network: NetworkRecord, endpoint: EndpointRecord, published: Published[]): void {
    if (!hasGateway(network) || !reachesGateway(network, endpoint) || endpoint.addresses.length === 0) {
      throw new TswitchError(
        'BAD_REQUEST',
        `nothing can be published of a member that the host does not reach: it needs an address, in the VLAN of network ${network.name}, whose gateway must be the host`,
      );
    }
    const others = withNetwork(this.#document, network.id, withEndpoint(network, { ...endpoint, published: [] }));
    refusePublished(others, network, published);
  }
}

/** In the host nothing is to answer on it. Whoever takes it brings it up. */
function takeDown(ifname: string): Promise<void> {
  return ipBatch(null, [['link', 'set', 'dev', ifname, 'down']]);
}
