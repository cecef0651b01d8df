/**
 * The host's place in a network: a port of its VLAN whose far end is in the daemon's own namespace, with the gateway's
 * addresses; the rules of the packet filter that let members out and published ports in; and what answers their names. It
 * comes up with the network's first member and stays until the network goes.
 */
import { DnsServer } from '../dns/server.ts';
import { applyRuleset, deleteTable } from './firewall.ts';
import type { GatewayView, NetworkRecord } from '../model.ts';
import { gatewayIfname, gatewayMac } from '../names.ts';
import { portOfGateway } from '../owned-ports.ts';
import { Proxies } from './proxies.ts';
import { rulesetOf, tableOf } from './rules.ts';
import type { State } from '../state.ts';
import { parseSubnet } from '../addresses/subnet.ts';
import { ensureForwarding } from './sysctls.ts';

export class Gateway {
  readonly port: string;
  /** Whether the host must forward for it. */
  readonly forwards: boolean;
  readonly #id: string;
  readonly #proxies = new Proxies();
  /** What answers: ends with the daemon. */
  readonly #servers: AsyncDisposableStack;
  /** Interface, rules: the next life of the daemon finds them in place. */
  readonly #place: AsyncDisposableStack;

  private constructor(
    network: NetworkRecord,
    port: string,
    servers: AsyncDisposableStack,
    place: AsyncDisposableStack,
  ) {
    this.port = port;
    this.forwards = !network.internal;
    this.#id = network.id;
    this.#servers = servers;
    this.#place = place;
    servers.defer(() => this.#proxies.close());
  }

  /** All of it, or nothing. What the switch began with already is taken as it is. */
  static async up(state: State, network: NetworkRecord): Promise<Gateway> {
    const { control } = state;
    await using place = new AsyncDisposableStack();
    await using servers = new AsyncDisposableStack();
    const port = portOfGateway(network);
    const { name } = port.request;
    if (control.ownedPortState(name) === null) await control.addOwnedPort(port);
    place.defer(() => control.removeOwnedPort(name));
    await applyRuleset(rulesetOf(network));
    place.defer(() => deleteTable(tableOf(network.id)));
    if (!network.internal) {
      for (const family of [4, 6] as const) {
        if (network.subnets.some(({ subnet }) => parseSubnet(subnet, 'subnet').family === family)) {
          await ensureForwarding(state, family);
        }
      }
    }
    if (network.dns) {
      const addresses = network.subnets.map((subnet) => subnet.gateway);
      const dns = await DnsServer.open({ document: () => state.document, id: network.id, addresses });
      servers.defer(() => dns.close());
    }
    return new Gateway(network, name, servers.move(), place.move());
  }

  view(): GatewayView {
    const id = this.#id;
    return { port: this.port, ifname: gatewayIfname(id), mac: gatewayMac(id), nftTable: tableOf(id) };
  }

  /** Publishes what members publish now. After a failure call it with the network as it was before. */
  async follow(network: NetworkRecord): Promise<void> {
    await this.#proxies.follow(network.endpoints);
    await applyRuleset(rulesetOf(network));
  }

  async down(): Promise<void> {
    await this.leave();
    await this.#place.disposeAsync();
  }

  /** At the end of a daemon that comes back. */
  async leave(): Promise<void> {
    await this.#servers.disposeAsync();
  }
}
