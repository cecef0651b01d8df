/** Kind `packet`: a netdev that exists already, through AF_PACKET rings. tswitch changes nothing of it but that the host's stack no longer hears it. */
import { guardNetdev } from '../plumbing/host-guard.ts';
import { readNetdev } from '../plumbing/netdev.ts';
import { TswitchError } from '../errors.ts';
import type { Attach } from './attachment.ts';
import { linkStateOf } from './link-state.ts';
import { openPacketSockets } from './packet-sockets.ts';

export const attachPacket: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const name = request.netdev ?? '';
  const netdev = readNetdev(null, name);
  if (!netdev) {
    throw new TswitchError('NETDEV_NOT_FOUND', `there is no netdev ${name} in the daemon's namespace: see \`ip link\``);
  }
  const guard = guardNetdev(netdev.index);
  undo.defer(() => guard.close());
  const sockets = openPacketSockets(netdev.index, context, undo, { bypassQdisc: false });
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
    setMtu: () => Promise.resolve(),
    close: () => resources.disposeAsync(),
  };
};
