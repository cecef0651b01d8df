/** What kinds `veth` and `packet` have in common: AF_PACKET sockets on a netdev of the daemon's namespace, and its link state. */
import { PacketSockets } from '../../ports/open-packet.ts';
import type { AttachContext, LinkState } from './attachment.ts';
import type { SocketsWish } from './kept-sockets.ts';
import { linkStateOf } from './link-state.ts';

export interface OpenSockets {
  sockets: PacketSockets[];
  /** From now on they outlive the daemon. */
  keep: () => void;
}

/**
 * Opens each worker's sockets on the netdev, or goes on with those of an earlier life, until `undo` is disposed. Whatever is to be known
 * of the netdev meanwhile must be watched by then.
 */
export async function openPacketSockets(
  port: string,
  wish: SocketsWish,
  { arenas, sockets: kept }: AttachContext,
  undo: AsyncDisposableStack,
): Promise<OpenSockets> {
  const sockets = kept.resume(port, wish, arenas) ?? [];
  for (const each of sockets) undo.defer(() => each.close());
  for (const arena of arenas.slice(sockets.length)) {
    const opened = await PacketSockets.open(wish.ifindex, arena, { ...wish, shared: arenas.length > 1 });
    undo.defer(() => opened.close());
    sockets.push(opened);
  }
  undo.defer(() => kept.forget(port));
  return { sockets, keep: () => kept.keep(port, wish, sockets) };
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
