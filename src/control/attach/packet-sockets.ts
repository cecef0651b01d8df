/** What kinds `veth` and `packet` have in common: AF_PACKET sockets on a netdev of the daemon's namespace, and its link state. */
import { PacketSockets } from '../../ports/open-packet.ts';
import type { AttachContext, LinkState } from './attachment.ts';
import { linkStateOf } from './link-state.ts';

/**
 * Opens each worker's sockets on the netdev, until `undo` is disposed. Whatever is to be known of the netdev meanwhile must be
 * watched by then.
 */
export async function openPacketSockets(
  ifindex: number,
  context: AttachContext,
  undo: AsyncDisposableStack,
  options: { bypassQdisc: boolean; promiscuous: boolean },
): Promise<PacketSockets[]> {
  const sockets: PacketSockets[] = [];
  for (const arena of context.arenas) {
    const opened = await PacketSockets.open(ifindex, arena, { ...options, shared: context.arenas.length > 1 });
    undo.defer(() => opened.close());
    sockets.push(opened);
  }
  return sockets;
}

/**
 * Watches the netdev until `undo` is disposed. Once lost, it stays lost: the kernel has unbound the sockets, also where the
 * same netdev comes back from another namespace.
 */
export function watchLink(
  ifindex: number,
  context: AttachContext,
  undo: AsyncDisposableStack,
  onLink: (state: LinkState) => void,
): void {
  let isLost = false;
  const unwatch = context.links.watch(null, ifindex, (event) => {
    if (isLost) return;
    isLost = event.gone;
    onLink(linkStateOf(event));
  });
  undo.defer(() => unwatch());
}
