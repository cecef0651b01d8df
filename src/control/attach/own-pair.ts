/**
 * The pair behind a port of kind `veth` or `xdp`: its far end goes into the namespace, its own end stays in the daemon's. The
 * own end's frames never reach the host's stack: the guard is on before the netdev comes up.
 */
import { TswitchError } from '../errors.ts';
import { disableInexpressibleOffloads } from '../plumbing/far-end-offloads.ts';
import { guardOwnNetdev } from '../plumbing/host-guard.ts';
import { createVethPair, deleteOwnNetdev, type Netdev, readNetdev } from '../plumbing/netdev.ts';
import { ownMark } from '../plumbing/ownership.ts';
import type { NormalPortRequest } from '../port-request.ts';
import type { AttachContext, Attachment } from './attachment.ts';
import { prepareFarEnd, setFarEndMtu } from './far-end.ts';
import { netdevName } from './netdev-name.ts';

/** The pair, and what it says of the port. */
export interface OwnPair extends Pick<Attachment, 'identity' | 'netdevMtu' | 'remembered' | 'setMtu'> {
  /** The own end. */
  netdev: Netdev;
}

/**
 * Makes the pair, until `undo` is disposed.
 *
 * @param options.queues of either end
 * @param options.switchOff features that the far end is not to have, beside those that no port can do with
 */
export async function makeOwnPair(
  request: NormalPortRequest,
  context: AttachContext,
  undo: AsyncDisposableStack,
  options: { queues: number; switchOff: readonly string[] },
): Promise<OwnPair> {
  using setUp = new DisposableStack();
  const own = netdevName(request.name);
  const farEnd = await prepareFarEnd(request, context.remembered);
  const { netns, ifname, mac, mtu, remembered } = farEnd;
  setUp.defer(() => netns.close());
  const mark = ownMark(request.name);
  // Of this very port: someone took it to another namespace, and brought it back after the port was lost.
  const left = readNetdev(null, own);
  if (left?.alias === mark) await deleteOwnNetdev(left.index, mark);
  await createVethPair({
    own,
    ownAlias: mark,
    queues: options.queues,
    ...farEnd,
    beforeUp: async (ifindex) => {
      const guard = await guardOwnNetdev(own, ifindex);
      undo.defer(() => guard.close());
      disableInexpressibleOffloads(netns, ifname, options.switchOff);
    },
  });
  const netdev = readNetdev(null, own);
  if (!netdev) throw new TswitchError('NETDEV_NOT_FOUND', `${own} vanished while it was being attached: try again`);
  undo.defer(() => deleteOwnNetdev(netdev.index, mark));
  const { name, kind, addresses } = request;
  return {
    identity: { name, kind, netdev: own, netns: netns.spec, ifname, addresses, mac },
    netdev,
    netdevMtu: mtu,
    remembered,
    setMtu: (wanted) => setFarEndMtu(remembered, ifname, wanted),
  };
}
