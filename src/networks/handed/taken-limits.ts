/**
 * What a handed member may send is limited where it is sent, at the far end (docs/decisions/0021). A netdev that goes to another
 * namespace loses its queueing discipline on the way (dev_shutdown in __dev_change_net_namespace, net/core/dev.c), so the limit is
 * put there when whoever took the interface has brought it up.
 */
import { netdevName } from '../../control/attach/netdev-name.ts';
import type { ChangeQueue } from '../../control/change-queue.ts';
import { TswitchError } from '../../control/errors.ts';
import { readNetdev } from '../../control/plumbing/netdev.ts';
import { setTokenBucket } from '../../control/plumbing/token-bucket.ts';
import { findVethPeer } from '../../control/plumbing/veth-peer.ts';
import { bucketOf, NO_LIMITS } from '../../control/rate-limits.ts';
import type { EndpointRecord, NetworkRecord } from '../model.ts';
import { memberPort } from '../names.ts';
import type { State } from '../state.ts';

export interface TakenLimitsOptions {
  state: State;
  changes: ChangeQueue;
  /** Whose members are handed over. */
  networks: () => readonly NetworkRecord[];
}

export class TakenLimits {
  readonly #options: TakenLimitsOptions;
  readonly #unobserve: () => void;

  constructor(options: TakenLimitsOptions) {
    this.#options = options;
    this.#unobserve = options.state.control.events.observe(({ event, port }) => {
      if (event === 'port.up' && port !== undefined) void options.changes.run(() => this.ensure(port));
    });
  }

  /** As part of a change. @param port of the switch; left out: of every member, as some may have been taken while no daemon was there */
  async ensure(port?: string): Promise<void> {
    const { networks, state } = this.#options;
    for (const { name: network, endpoints } of networks()) {
      for (const endpoint of endpoints) {
        const name = memberPort(network, endpoint.name);
        if (port !== undefined && port !== name) continue;
        await state.attempt(`the limit of what ${name} sends`, () => limitTaken(name, endpoint));
      }
    }
  }

  close(): void {
    this.#unobserve();
  }
}

/**
 * An interface that nobody has taken yet, or that has no limit, is left alone.
 *
 * @throws TswitchError NETNS_NOT_FOUND, and what setTokenBucket throws
 */
async function limitTaken(port: string, endpoint: EndpointRecord): Promise<void> {
  const bucket = bucketOf({ ...NO_LIMITS, ...endpoint }, 'ingress');
  const own = bucket && readNetdev(null, netdevName(port));
  if (!own) return;
  using peer = await findVethPeer(own);
  if (!peer) throw new TswitchError('NETNS_NOT_FOUND', `its namespace ${endpoint.netns} cannot be seen from here`);
  if (peer.netns) await setTokenBucket(peer.netns, peer.name, bucket);
}
