/** Kind `veth`: a pair that tswitch makes, whose own end is read through AF_PACKET rings. */
import type { Attach } from './attachment.ts';
import { linkStateOf } from './link-state.ts';
import { ownPair } from './own-pair.ts';
import { openPacketSockets, watchLink } from './packet-sockets.ts';

export const attachVeth: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const switchOff = context.uso ? [] : ['tx-udp-segmentation'];
  const { netdev, leaveBehind, ...pair } = await ownPair(request, context, undo, { queues: 1, switchOff });
  watchLink(netdev.index, context, undo, context.onLink);
  const sockets = await openPacketSockets(netdev.index, context, undo, { bypassQdisc: true, promiscuous: false });
  const resources = undo.move();
  return {
    ...pair,
    link: linkStateOf({ ...netdev, gone: false }),
    sockets,
    xdp: null,
    check: null,
    keep: () => undefined,
    close: () => resources.disposeAsync(),
    async leave() {
      leaveBehind();
      await resources.disposeAsync();
    },
  };
};
