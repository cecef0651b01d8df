/** Containers into networks and out again: each as a whole, or not at all. */
import { rememberProcess } from '../control/attach/netns-memory.ts';
import { TswitchError } from '../control/errors.ts';
import { listNetdevs } from '../control/plumbing/netdev.ts';
import { resolveNetns } from '../control/plumbing/netns.ts';
import { NO_LIMITS, rateLimitsOf } from '../control/rate-limits.ts';
import { chooseAddresses, release } from './addresses/choice.ts';
import { removeResolvConf, writeResolvConf } from './containers/files.ts';
import { addDefaultRoutes } from './default-routes.ts';
import { refusePublished } from './gateway/published.ts';
import { endpointsOf, findEndpoint, newId, withNetwork } from './document.ts';
import type { Gateways } from './gateway/gateways.ts';
import type { ConnectRequest, EndpointRecord, Link, NetworkRecord } from './model.ts';
import { checkedLabel, containerName, gatewayMac, isSameName, memberPort, netnsOf } from './names.ts';
import { portOfEndpoint, portOfMember } from './owned-ports.ts';
import type { State } from './state.ts';

export class Members {
  readonly #state: State;
  readonly #gateways: Gateways;

  constructor(state: State, gateways: Gateways) {
    this.#state = state;
    this.#gateways = gateways;
  }

  /** @throws TswitchError, and then nothing is changed */
  async connect(network: NetworkRecord, request: ConnectRequest): Promise<EndpointRecord> {
    const { control } = this.#state;
    const netns = netnsOf(request.container);
    const name = containerName(netns, request.name);
    this.#refuseOthers(network, netns, name);
    refuseMac(network, request.mac);
    const remembered = await rememberProcess(netns);
    const aliases = (request.aliases ?? []).map((alias) => checkedLabel(alias, 'aliases'));
    const links = (request.links ?? []).map((link) => checkedLink(network, link));
    const published = request.publish ?? [];
    if (published.length > 0) refusePublished(this.#state.document, network, published);
    const { addresses, subnets } = chooseAddresses(network, request.addresses ?? []);
    const limits = rateLimitsOf(request, NO_LIMITS, network.mtu);
    const ifname = request.ifname ?? (await this.#freeIfname(netns));

    await using undo = new AsyncDisposableStack();
    await this.#gateways.ensure(network, undo);
    const place = { name, netns, ifname, addresses, remembered, mac: request.mac ?? null, ...limits };
    const port = await control.addOwnedPort(portOfMember(network, place));
    undo.defer(() => control.removeOwnedPort(port.name));
    const given = await addDefaultRoutes(netns, [{ network, endpoint: place }]);
    const endpoint: EndpointRecord = {
      ...place,
      id: newId(),
      mac: port.mac ?? '',
      aliases,
      links,
      published,
      isDefaultRoute: given.length > 0,
    };
    const now = { ...network, subnets, endpoints: [...network.endpoints, endpoint] };
    if (published.length > 0) {
      undo.defer(() => this.#gateways.follow(network));
      await this.#gateways.follow(now);
    }
    await this.#state.commit(withNetwork(this.#state.document, network.id, now));
    undo.move();
    await this.#syncFiles(netns);
    return endpoint;
  }

  /** @param container a member's name, or its namespace */
  async disconnect(network: NetworkRecord, container: string): Promise<void> {
    const endpoint = findEndpoint(network, container);
    const now = {
      ...network,
      subnets: release(network.subnets, endpoint.addresses),
      endpoints: network.endpoints.filter(({ id }) => id !== endpoint.id),
    };
    // What is kept comes first: a port without a member is removed by the next start at the latest.
    await this.#state.commit(withNetwork(this.#state.document, network.id, now));
    if (endpoint.published.length > 0) {
      await this.#state.attempt(`published ports of network ${network.name}`, () => this.#gateways.follow(now));
    }
    await this.#state.control.removeOwnedPort(memberPort(network.name, endpoint.name));
    if (endpoint.isDefaultRoute) await this.#handOver(endpoint.netns);
    await this.#syncFiles(endpoint.netns);
  }

  /** Brings back what was kept. A member whose namespace is gone is lost, and comes back with it. */
  async restore(network: NetworkRecord): Promise<void> {
    const { control } = this.#state;
    if (network.endpoints.length === 0) return;
    await this.#state.attempt(`the gateway of network ${network.name}`, () => this.#gateways.ensure(network));
    for (const endpoint of network.endpoints) {
      await this.#state.attempt(`${endpoint.name} in network ${network.name}`, async () => {
        const port = portOfEndpoint(network, endpoint);
        if (!port) return;
        // The switch began with it, unless something else has its name or place.
        if (control.ownedPortState(port.request.name) === null) await control.addOwnedPort(port, { orLost: true });
        if (control.ownedPortState(port.request.name) !== 'lost') await this.dress(network, endpoint);
      });
    }
    await this.#state.attempt(`published ports of network ${network.name}`, () => this.#gateways.follow(network));
  }

  /** Gives a member that came back what its interface cannot carry by itself, where nobody else does. */
  async dress(network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    const { netns, isDefaultRoute, handed } = endpoint;
    if (handed) return;
    if (isDefaultRoute) await addDefaultRoutes(netns, [{ network, endpoint }]);
    await this.#syncFiles(netns);
  }

  /** Takes down what members have of us, though they are members still. */
  async close(network: NetworkRecord): Promise<void> {
    for (const { name, netns } of network.endpoints) {
      await this.#state.control.removeOwnedPort(memberPort(network.name, name));
      await this.#state.attempt(`files of ${name}`, () => removeResolvConf(netns));
    }
  }

  /** The container asks the gateway of one of its networks for names, which answers those of all of them. */
  async #syncFiles(netns: string): Promise<void> {
    await this.#state.attempt(`the resolv.conf of namespace ${netns}`, async () => {
      const named = endpointsOf(this.#state.document, netns).find(({ network: { dns, subnets } }) => {
        return dns && subnets.length > 0;
      });
      if (named)
        await writeResolvConf(
          netns,
          named.network.subnets.map(({ gateway }) => gateway),
        );
      else await removeResolvConf(netns);
    });
  }

  /** The container's default routes went: others of its networks give them. */
  async #handOver(netns: string): Promise<void> {
    await this.#state.attempt(`the default route of namespace ${netns}`, async () => {
      const places = endpointsOf(this.#state.document, netns);
      for (const { network, endpoint } of await addDefaultRoutes(netns, places)) {
        const endpoints = network.endpoints.map((each) => {
          return each.id === endpoint.id ? { ...each, isDefaultRoute: true } : each;
        });
        await this.#state.commit(withNetwork(this.#state.document, network.id, { ...network, endpoints }));
      }
    });
  }

  #refuseOthers(network: NetworkRecord, netns: string, name: string): void {
    const before = network.endpoints.find((endpoint) => endpoint.netns === netns);
    if (before) {
      throw new TswitchError(
        'CONTAINER_EXISTS',
        `${before.name} is in network ${network.name} already: disconnect it first, to connect it in another way`,
      );
    }
    for (const { name: of, endpoints } of this.#state.document.networks) {
      const other = endpoints.find((endpoint) => isSameName(endpoint.name, name) && endpoint.netns !== netns);
      if (!other) continue;
      throw new TswitchError(
        'CONTAINER_EXISTS',
        `another container, in namespace ${other.netns}, is called ${other.name} in network ${of}: choose another name`,
      );
    }
  }

  /** `eth0`, or where the container has that, from another network or from whomever, the next one. */
  async #freeIfname(spec: string): Promise<string> {
    const used = new Set(endpointsOf(this.#state.document, spec).map(({ endpoint }) => endpoint.ifname));
    const netns = await resolveNetns(spec);
    try {
      for (const { name } of listNetdevs(netns)) used.add(name);
    } finally {
      netns.close();
    }
    let number = 0;
    while (used.has(`eth${number}`)) number++;
    return `eth${number}`;
  }
}

/** @throws TswitchError ADDRESS_IN_USE */
function refuseMac({ id, name, endpoints }: NetworkRecord, wanted: string | undefined): void {
  const mac = wanted?.toLowerCase();
  const member = endpoints.find((endpoint) => endpoint.mac === mac);
  if (!member && mac !== gatewayMac(id)) return;
  const owner = member ? `member ${member.name}` : 'the gateway';
  throw new TswitchError('ADDRESS_IN_USE', `${mac} in network ${name} is taken: ${owner} has it`);
}

/** @throws TswitchError CONTAINER_NOT_FOUND where nobody in the network has the name */
function checkedLink(network: NetworkRecord, { container, alias }: Link): Link {
  return { container: findEndpoint(network, container).name, alias: checkedLabel(alias, 'links') };
}
