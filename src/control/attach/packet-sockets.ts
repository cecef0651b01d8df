/** What kinds `veth` and `packet` have in common: AF_PACKET sockets on a netdev of the daemon's namespace, and its link state. */
import { PacketSockets } from '../../ports/open-packet.ts';
import type { AttachContext, PortSockets } from './attachment.ts';
import { linkStateOf } from './link-state.ts';

/** Opens each worker's sockets and watches the netdev, both until `undo` is disposed. */
export function openPacketSockets(
  ifindex: number,
  context: AttachContext,
  undo: AsyncDisposableStack,
  options: { bypassQdisc: boolean },
): PortSockets[] {
  const sockets = context.arenas.map((arena) => {
    const opened = PacketSockets.open(ifindex, arena, options);
    undo.defer(() => opened.close());
    return opened;
  });
  const unwatch = context.links.watch(null, ifindex, (event) => context.onLink(linkStateOf(event)));
  undo.defer(() => unwatch());
  return sockets;
}
