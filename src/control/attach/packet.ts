/**
 * Kind `packet`: a netdev that exists already, through AF_PACKET rings. tswitch changes nothing of it but that the host's stack
 * no longer hears it, and, where a limit is asked for, its queueing discipline, while it is a port.
 */
import { readNetdev } from '../plumbing/netdev.ts';
import { refuseOwnDiscipline, setTokenBucket, type TokenBucket } from '../plumbing/token-bucket.ts';
import { bucketOf, limitsIn } from '../rate-limits.ts';
import type { Attach } from './attachment.ts';
import { takeNetdev } from './existing-netdev.ts';
import { limitsSetter } from './limits.ts';
import { linkStateOf } from './link-state.ts';
import { openPacketSockets } from './packet-sockets.ts';

export const attachPacket: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const { netdev, ...existing } = takeNetdev(request, context, undo);
  const { index, name } = netdev;
  const limit = async (bucket: TokenBucket | null): Promise<void> => {
    if (bucket !== null) await refuseOwnDiscipline(name);
    await setTokenBucket(null, name, bucket);
  };
  // Also where none is wanted: a daemon that was killed may have left one.
  await limit(bucketOf(request, 'egress'));
  undo.defer(() => unlimit(index));
  const wish = { ifindex: index, bypassQdisc: false, promiscuous: true };
  const { sockets, keep } = await openPacketSockets(request.name, wish, context, undo);
  const resources = undo.move();
  return {
    ...existing,
    link: linkStateOf({ ...netdev, gone: false }),
    sockets,
    xdp: null,
    check: null,
    setLimits: limitsSetter(limitsIn(request), { egress: limit }),
    keep,
    close: () => resources.disposeAsync(),
    leave: () => resources.disposeAsync(),
  };
};

/** It may be gone, or be called otherwise. */
async function unlimit(index: number): Promise<void> {
  const netdev = readNetdev(null, index);
  if (netdev) await setTokenBucket(null, netdev.name, null);
}
