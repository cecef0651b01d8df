/**
 * Kind `packet`: a netdev that exists already, through AF_PACKET rings. tswitch changes nothing of it but that the host's stack
 * no longer hears it.
 */
import type { Attach } from './attachment.ts';
import { takeNetdev } from './existing-netdev.ts';
import { linkStateOf } from './link-state.ts';
import { openPacketSockets } from './packet-sockets.ts';

export const attachPacket: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const { netdev, ...existing } = takeNetdev(request, context, undo);
  const sockets = await openPacketSockets(netdev.index, context, undo, { bypassQdisc: false, promiscuous: true });
  const resources = undo.move();
  return {
    ...existing,
    link: linkStateOf({ ...netdev, gone: false }),
    sockets,
    xdp: null,
    check: null,
    keep: () => undefined,
    close: () => resources.disposeAsync(),
    leave: () => resources.disposeAsync(),
  };
};
