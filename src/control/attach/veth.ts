/**
 * Kind `veth`: a pair whose far end goes into the namespace and whose own end stays in the daemon's, read through AF_PACKET
 * rings. The own end's frames never reach the host's stack: the guard is on before the netdev comes up.
 */
import { createVethPair, deleteOwnNetdev, readNetdev } from '../plumbing/netdev.ts';
import { disableInexpressibleOffloads } from '../plumbing/far-end-offloads.ts';
import { guardOwnNetdev } from '../plumbing/host-guard.ts';
import { ownMark } from '../plumbing/ownership.ts';
import { TswitchError } from '../errors.ts';
import type { Attach } from './attachment.ts';
import { linkStateOf } from './link-state.ts';
import { openPacketSockets, watchLink } from './packet-sockets.ts';
import { prepareFarEnd, setFarEndMtu } from './far-end.ts';
import { netdevName } from './netdev-name.ts';

export const attachVeth: Attach = async (request, context) => {
  using setUp = new DisposableStack();
  await using undo = new AsyncDisposableStack();
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
    ...farEnd,
    beforeUp: async (ifindex) => {
      const guard = await guardOwnNetdev(own, ifindex);
      undo.defer(() => guard.close());
      disableInexpressibleOffloads(netns, ifname, context.uso ? [] : ['tx-udp-segmentation']);
    },
  });
  const netdev = readNetdev(null, own);
  if (!netdev) throw new TswitchError('NETDEV_NOT_FOUND', `${own} vanished while it was being attached: try again`);
  undo.defer(() => deleteOwnNetdev(netdev.index, mark));
  const sockets = openPacketSockets(netdev.index, context, undo, { bypassQdisc: true, promiscuous: false });
  watchLink(netdev.index, context, undo, context.onLink);
  const resources = undo.move();
  return {
    identity: {
      name: request.name,
      kind: 'veth',
      netdev: own,
      netns: netns.spec,
      ifname,
      addresses: request.addresses,
      mac,
    },
    netdevMtu: mtu,
    link: linkStateOf({ ...netdev, gone: false }),
    sockets,
    remembered,
    check: null,
    setMtu: (wanted) => setFarEndMtu(remembered, ifname, wanted),
    close: () => resources.disposeAsync(),
  };
};
