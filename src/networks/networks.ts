/**
 * Networks for namespaces and containers. A network of driver `bridge` is a VLAN of the switch with pools of addresses; its
 * members are ports of that VLAN. Changes are made one at a time; each is kept before it is acknowledged, and one that fails
 * changes nothing.
 */
import { VID_MAX } from '../limits.ts';
import { ChangeQueue } from '../control/change-queue.ts';
import { TswitchError } from '../control/errors.ts';
import type { Log } from '../control/log.ts';
import type { SwitchEvent } from '../control/events.ts';
import { NO_LIMITS } from '../control/rate-limits.ts';
import { WholeConfig } from './config/whole-config.ts';
import { Containers } from './containers/containers.ts';
import { removeLeftFiles } from './containers/files.ts';
import { firstDocument, findNetwork, withNetwork } from './document.ts';
import { removeLeftTables } from './gateway/firewall.ts';
import { Gateways } from './gateway/gateways.ts';
import { Members } from './members.ts';
import { Nics } from './nics/nics.ts';
import type {
  ConnectRequest,
  EndpointView,
  NetworkRecord,
  NetworkRequest,
  NetworksControl,
  NetworkView,
  Pruned,
  PruneOptions,
} from './model.ts';
import { isAlways, memberPort } from './names.ts';
import { normalizeNetworkRequest, normalizeSubnet } from './network-request.ts';
import { newNetwork } from './new-network.ts';
import { AddressPools } from './addresses/address-pools.ts';
import { allotSubnet, hostRoutes } from './addresses/pools.ts';
import { Handovers } from './handed/handovers.ts';
import { type NetworksOptions, State } from './state.ts';

export class Networks implements NetworksControl {
  readonly #state: State;
  readonly #changes = new ChangeQueue();
  readonly #gateways: Gateways;
  readonly #members: Members;
  readonly containers: Containers;
  readonly nics: Nics;
  readonly config: WholeConfig;
  readonly handovers: Handovers;
  readonly pools: AddressPools;
  readonly #unobserve: () => void;

  private constructor(state: State) {
    this.#state = state;
    this.#gateways = new Gateways(state);
    this.#members = new Members(state, this.#gateways);
    this.config = new WholeConfig(state, this.#changes, this.#gateways);
    this.nics = new Nics(state, this.#changes);
    this.containers = new Containers({
      state,
      nics: this.nics,
      members: this.#members,
      changes: this.#changes,
      view: (network, endpoint) => this.#endpointView(network, endpoint),
    });
    this.handovers = new Handovers({
      state,
      gateways: this.#gateways,
      changes: this.#changes,
    });
    this.pools = new AddressPools(state, this.#changes);
    this.#unobserve = state.control.events.observe((event) => this.#onEvent(event));
  }

  /** Brings back what the store has kept, or begins with the networks that exist always. */
  static async start(options: NetworksOptions): Promise<Networks> {
    const { kept } = options.store;
    const document = kept ?? firstDocument(VID_MAX, await poolOfBridge(options.log));
    if (!kept) await options.store.save(document);
    const networks = new Networks(new State(options, document));
    await networks.#changes.run(async () => {
      await networks.#state.attempt('rules of networks that are gone', removeLeftTables);
      await networks.#state.attempt('files of namespaces that are gone', removeLeftFiles);
      for (const network of document.networks) await networks.#members.restore(network);
      await networks.nics.welcome();
      await networks.handovers.restore();
      await networks.#state.attempt('settings that no network needs', () => networks.#gateways.settle());
    });
    return networks;
  }

  list(): NetworkView[] {
    return this.#state.document.networks.map((network) => this.#view(network));
  }

  inspect(name: string): NetworkView {
    return this.#view(findNetwork(this.#state.document, name));
  }

  create(request: NetworkRequest): Promise<NetworkView> {
    return this.#changes.run(async () => {
      const { document, control } = this.#state;
      const wanted = normalizeNetworkRequest(request);
      const vlans = control.vlans().map(({ vlan }) => vlan);
      const network = newNetwork(wanted, { ...document, vlans, routes: await hostRoutes() });
      await this.#state.commit({ ...document, networks: [...document.networks, network] });
      return this.#view(network);
    });
  }

  remove(name: string): Promise<void> {
    return this.#changes.run(async () => {
      const network = findNetwork(this.#state.document, name);
      if (isAlways(network.name)) {
        throw new TswitchError('NETWORK_IN_USE', `the network ${network.name} exists always: it cannot be removed`);
      }
      if (network.endpoints.length > 0) {
        const names = network.endpoints.map((endpoint) => endpoint.name);
        throw new TswitchError(
          'NETWORK_IN_USE',
          `network ${network.name} has members: disconnect ${names.join(', ')} first`,
          { containers: names },
        );
      }
      await this.#remove(network);
    });
  }

  prune({ pools = false }: PruneOptions = {}): Promise<Pruned> {
    return this.#changes.run(async () => {
      const unused = this.#state.document.networks.filter(({ name, owner, endpoints }) => {
        return !isAlways(name) && owner === undefined && endpoints.length === 0;
      });
      for (const network of unused) await this.#remove(network);
      return { removed: unused.map(({ name }) => name), pools: pools ? await this.pools.releaseUnused() : [] };
    });
  }

  connect(name: string, request: ConnectRequest): Promise<EndpointView> {
    return this.#changes.run(async () => {
      const network = findNetwork(this.#state.document, name);
      if (network.driver !== 'bridge') {
        throw new TswitchError(
          'BAD_REQUEST',
          `nothing can be connected to network ${network.name}: it stands for ${network.driver === 'host' ? "the host's own interfaces" : 'no network at all'}`,
        );
      }
      refuseOwned(network);
      const endpoint = await this.#members.connect(network, request);
      return this.#endpointView(network, endpoint);
    });
  }

  disconnect(name: string, container: string): Promise<void> {
    return this.#changes.run(() => {
      const network = findNetwork(this.#state.document, name);
      refuseOwned(network);
      return this.#members.disconnect(network, container);
    });
  }

  close(): Promise<void> {
    this.#unobserve();
    this.containers.close();
    this.handovers.close();
    return this.#changes.run(async () => {
      await this.nics.close(this.#state.keeps);
      if (this.#state.keeps) return this.#gateways.leave();
      await this.#gateways.close();
      for (const network of this.#state.document.networks) await this.#members.close(network);
    });
  }

  async #remove(network: NetworkRecord): Promise<void> {
    const { pools = [], ...document } = withNetwork(this.#state.document, network.id, null);
    // One of Docker's that is removed here Docker no longer has, and never gives its pools back.
    const left = pools.filter(({ subnet }) => !network.subnets.some((each) => network.owner && each.subnet === subnet));
    await this.#state.commit({ ...document, pools: left });
    await this.#gateways.drop(network.id);
  }

  /** Whoever removes a network's port by itself takes the member out; a port that came back has lost its routes. */
  #onEvent({ event, port, reason }: SwitchEvent): void {
    const isGone = event === 'port.removed' || event === 'port.lost';
    if (port === undefined || (!isGone && !(event === 'port.up' && reason === 'it came back'))) return;
    const change = async (): Promise<void> => {
      // Meanwhile another may have its name, or it may have gone.
      const isThere = this.#state.control.ownedPortState(port) !== null;
      if (isThere === (event === 'port.removed')) return;
      const gateway = this.#gateways.ownerOf(port);
      if (gateway !== null && event === 'port.removed') return this.#gateways.drop(gateway);
      for (const network of this.#state.document.networks) {
        const endpoint = network.endpoints.find(({ name }) => memberPort(network.name, name) === port);
        if (!endpoint) continue;
        // What was taken into a namespace cannot be put there a second time.
        if (event === 'port.removed' || endpoint.handed) await this.#members.disconnect(network, endpoint.name);
        else if (event === 'port.up') await this.#members.dress(network, endpoint);
      }
    };
    void this.#changes.run(() => this.#state.attempt(`port ${port} of a network`, change));
  }

  #view(network: NetworkRecord): NetworkView {
    const { subnets, endpoints, owner = 'tswitch', hostGateway: _, limits: __, ...settings } = network;
    return {
      ...settings,
      scope: 'local',
      owner,
      subnets: subnets.map(({ subnet, gateway, ipRange, auxAddresses }) => ({
        subnet,
        gateway,
        ipRange,
        auxAddresses,
      })),
      gateway: this.#gateways.view(network),
      sysctls: this.#gateways.view(network) ? this.#state.document.sysctls : [],
      containers: endpoints.map((endpoint) => this.#endpointView(network, endpoint)),
    };
  }

  #endpointView(network: NetworkRecord, endpoint: NetworkRecord['endpoints'][number]): EndpointView {
    const { remembered: _, handed: __, ...shown } = endpoint;
    const port = memberPort(network.name, endpoint.name);
    return { ...NO_LIMITS, ...shown, port, state: this.#state.control.ownedPortState(port) ?? 'lost' };
  }
}

/** @throws TswitchError NETWORK_IN_USE */
function refuseOwned({ name, owner, vlan }: NetworkRecord): void {
  if (owner === undefined) return;
  throw new TswitchError(
    'NETWORK_IN_USE',
    `the members of network ${name} are Docker's: use \`docker network connect\` and \`disconnect\`; a namespace of another kind gets there with \`tswitch plug NETNS --vlan ${vlan}\``,
  );
}

/** A host whose routes leave no room can give `bridge` none; networks with subnets of their own can be created all the same. */
async function poolOfBridge(log: Log) {
  try {
    return [normalizeSubnet({ subnet: allotSubnet(4, '', await hostRoutes()) })];
  } catch (error) {
    log.warn('network bridge has no subnet', { reason: error instanceof Error ? error.message : String(error) });
    return [];
  }
}
