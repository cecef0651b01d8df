/** The gateways that are up, by the ids of their networks. */
import { networkTables } from './firewall.ts';
import { Gateway } from './gateway.ts';
import type { GatewayView, NetworkRecord } from '../model.ts';
import { hasGateway } from '../names.ts';
import type { State } from '../state.ts';
import { putBack } from './sysctls.ts';

export class Gateways {
  readonly #state: State;
  readonly #up = new Map<string, Gateway>();

  constructor(state: State) {
    this.#state = state;
  }

  view({ id }: NetworkRecord): GatewayView | null {
    return this.#up.get(id)?.view() ?? null;
  }

  /** Brings the network's gateway up if it is not; `undo` takes that back. */
  async ensure(network: NetworkRecord, undo?: AsyncDisposableStack): Promise<void> {
    if (this.#up.has(network.id) || !hasGateway(network)) return;
    try {
      this.#up.set(network.id, await Gateway.up(this.#state, network));
    } catch (error) {
      await this.settle();
      throw error;
    }
    undo?.defer(() => this.drop(network.id));
  }

  /** What the network's members publish has changed. */
  async follow(network: NetworkRecord): Promise<void> {
    await this.#up.get(network.id)?.follow(network);
  }

  async drop(id: string): Promise<void> {
    const gateway = this.#up.get(id);
    this.#up.delete(id);
    await gateway?.down();
    await this.settle();
  }

  /** Those of networks that are not among these. */
  async dropOthers(networks: readonly NetworkRecord[]): Promise<void> {
    const ids = new Set(networks.map(({ id }) => id));
    for (const id of this.#up.keys()) {
      if (!ids.has(id)) await this.#state.attempt('a gateway could not be taken down', () => this.drop(id));
    }
  }

  /** The network whose gateway has this port; null: none has. */
  ownerOf(port: string): string | null {
    for (const [id, gateway] of this.#up) if (gateway.port === port) return id;
    return null;
  }

  /** At the end of a daemon that comes back: interfaces and rules stay. */
  async leave(): Promise<void> {
    for (const gateway of this.#up.values()) {
      await this.#state.attempt('a gateway could not be left in order', () => gateway.leave());
    }
    this.#up.clear();
  }

  async close(): Promise<void> {
    for (const id of this.#up.keys()) {
      await this.#state.attempt('a gateway could not be taken down', () => this.drop(id));
    }
  }

  /** With the last network that needs them, and no other daemon's there, the host's settings are put back. */
  async settle(): Promise<void> {
    if (this.#state.document.sysctls.length === 0) return;
    for (const { forwards } of this.#up.values()) if (forwards) return;
    if ((await networkTables()).length > this.#up.size) return;
    await putBack(this.#state);
  }
}
