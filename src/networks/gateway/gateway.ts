/**
 * The host's place in a network: a port of its VLAN whose far end is in the daemon's own namespace, with the gateway's
 * addresses; the rules of the packet filter that let members out and published ports in; and what answers their names. It
 * comes up with the network's first member and stays until the network goes.
 */
import { DnsServer } from '../dns/server.ts';
import { applyRuleset, deleteTable } from './firewall.ts';
import type { GatewayView, NetworkRecord } from '../model.ts';
import { gatewayIfname, gatewayPort } from '../names.ts';
import { Proxies } from './proxies.ts';
import { rulesetOf, tableOf } from './rules.ts';
import type { State } from '../state.ts';
import { parseSubnet } from '../addresses/subnet.ts';
import { ensureForwarding } from './sysctls.ts';

export class Gateway {
  readonly port: string;
  /** Whether the host must forward for it. */
  readonly forwards: boolean;
  readonly #ifname: string;
  readonly #mac: string;
  readonly #table: string;
  readonly #proxies = new Proxies();
  readonly #resources: AsyncDisposableStack;

  private constructor(network: NetworkRecord, port: { name: string; mac: string | null }, undo: AsyncDisposableStack) {
    this.port = port.name;
    this.forwards = !network.internal;
    this.#ifname = gatewayIfname(network.id);
    this.#mac = port.mac ?? '';
    this.#table = tableOf(network.id);
    this.#resources = undo;
  }

  /** All of it, or nothing. */
  static async up(state: State, network: NetworkRecord): Promise<Gateway> {
    await using undo = new AsyncDisposableStack();
    const port = await state.control.addOwnedPort({
      name: gatewayPort(network.name),
      kind: 'veth',
      netns: 'host',
      ifname: gatewayIfname(network.id),
      addresses: network.subnets.map(({ subnet, gateway }) => {
        return `${gateway}/${parseSubnet(subnet, 'subnet').prefixBits}`;
      }),
      mtu: network.mtu,
      ...(network.vlan === null ? {} : { vlan: network.vlan }),
    });
    undo.defer(() => state.control.removeOwnedPort(port.name));
    const table = tableOf(network.id);
    await applyRuleset(rulesetOf({ ...network, endpoints: [] }));
    undo.defer(() => deleteTable(table));
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
      undo.defer(() => dns.close());
    }
    const gateway = new Gateway(network, port, undo.move());
    gateway.#resources.defer(() => gateway.#proxies.close());
    return gateway;
  }

  view(): GatewayView {
    return { port: this.port, ifname: this.#ifname, mac: this.#mac, nftTable: this.#table };
  }

  /** Publishes what members publish now. After a failure call it with the network as it was before. */
  async follow(network: NetworkRecord): Promise<void> {
    await this.#proxies.follow(network.endpoints);
    await applyRuleset(rulesetOf(network));
  }

  async down(): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
