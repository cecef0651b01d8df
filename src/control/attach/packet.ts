/** Kind `packet`: a netdev that exists already, through AF_PACKET rings. tswitch changes nothing of it but that the host's stack no longer hears it. */
import { IFF_LOOPBACK } from '../../../native-bindings/abi/ioctl.ts';
import { guardNetdev } from '../plumbing/host-guard.ts';
import { type Netdev, readNetdev } from '../plumbing/netdev.ts';
import { isOwnerAlive, parseMark } from '../plumbing/ownership.ts';
import { TswitchError } from '../errors.ts';
import type { Attach } from './attachment.ts';
import { linkStateOf } from './link-state.ts';
import { openPacketSockets, watchLink } from './packet-sockets.ts';

export const attachPacket: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const name = request.netdev ?? '';
  const netdev = readNetdev(null, name);
  if (!netdev) {
    throw new TswitchError('NETDEV_NOT_FOUND', `there is no netdev ${name} in the daemon's namespace: see \`ip link\``);
  }
  refuseUnfit(netdev);
  const guard = guardNetdev(netdev.index);
  undo.defer(() => guard.close());
  const sockets = openPacketSockets(netdev.index, context, undo, { bypassQdisc: false, promiscuous: true });
  watchLink(netdev.index, context, undo, (state) => {
    // Wherever it is now, it is no longer ours to keep from its host.
    if (state.lost) guard.close();
    context.onLink(state);
  });
  const resources = undo.move();
  return {
    identity: {
      name: request.name,
      kind: 'packet',
      netdev: name,
      netns: null,
      ifname: null,
      addresses: [],
      mac: netdev.mac,
    },
    netdevMtu: netdev.mtu,
    link: linkStateOf({ ...netdev, gone: false }),
    sockets,
    remembered: null,
    check: null,
    setMtu: () => Promise.resolve(),
    close: () => resources.disposeAsync(),
  };
};

function refuseUnfit({ name, flags, alias }: Netdev): void {
  if (flags & IFF_LOOPBACK) {
    throw new TswitchError(
      'BAD_REQUEST',
      `${name} is the host's loopback: as a port it would cut the host off from itself`,
    );
  }
  const mark = parseMark(alias);
  if (mark && isOwnerAlive(mark)) {
    throw new TswitchError(
      'NETDEV_BUSY',
      `${name} belongs to port ${mark.port} of a running tswitch: attach another netdev`,
    );
  }
}
