/** Kind `veth`: a pair that tswitch makes, whose own end is read through AF_PACKET rings. */
import { setTokenBucket, type TokenBucket } from '../plumbing/token-bucket.ts';
import { bucketOf, limitsIn } from '../rate-limits.ts';
import type { Attach } from './attachment.ts';
import { limitsSetter } from './limits.ts';
import { linkStateOf } from './link-state.ts';
import { ownPair } from './own-pair.ts';
import { openPacketSockets, watchLink } from './packet-sockets.ts';

export const attachVeth: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const switchOff = context.uso ? [] : ['tx-udp-segmentation'];
  const { netdev, leaveBehind, limitFarEnd, ...pair } = await ownPair(request, context, undo, { queues: 1, switchOff });
  watchLink(netdev.index, context, undo, context.onLink);
  const egress = bucketOf(request, 'egress');
  await setTokenBucket(null, netdev.name, egress);
  const bypassQdisc = egress === null;
  const wish = { ifindex: netdev.index, bypassQdisc, promiscuous: false };
  const { sockets, keep } = await openPacketSockets(request.name, wish, context, undo);
  const bypass = (isOn: boolean): void => sockets.forEach((each) => each.bypassQdisc(isOn));
  const limitOwnEnd = async (bucket: TokenBucket | null): Promise<void> => {
    if (bucket === null) bypass(true);
    await setTokenBucket(null, netdev.name, bucket);
    if (bucket !== null) bypass(false);
  };
  const resources = undo.move();
  return {
    ...pair,
    link: linkStateOf({ ...netdev, gone: false }),
    sockets,
    xdp: null,
    check: null,
    setLimits: limitsSetter(limitsIn(request), { ingress: limitFarEnd, egress: limitOwnEnd }),
    keep,
    close: () => resources.disposeAsync(),
    async leave() {
      leaveBehind();
      await resources.disposeAsync();
    },
  };
};
