/** The netdev behind a port of kind `packet` or `xdp` that was there before: found, fit for a port, and kept from its host. */
import { IFF_LOOPBACK } from '../../../native-bindings/abi/ioctl.ts';
import { TswitchError } from '../errors.ts';
import { guardNetdev } from '../plumbing/host-guard.ts';
import { type Netdev, readNetdev } from '../plumbing/netdev.ts';
import { parseMark } from '../plumbing/ownership.ts';
import { isProcessAlive } from '../plumbing/process-mark.ts';
import type { NormalPortRequest } from '../port-request.ts';
import type { AttachContext, Attachment } from './attachment.ts';
import { watchLink } from './packet-sockets.ts';

/** What such a netdev says of its port. */
export interface ExistingNetdev extends Pick<Attachment, 'identity' | 'netdevMtu' | 'remembered' | 'setMtu'> {
  netdev: Netdev;
}

/**
 * Keeps the netdev from the host's stack and watches its link, until `undo` is disposed. Neither is true any more once it
 * is lost: wherever it is then, it is no longer ours to keep from its host.
 *
 * @throws TswitchError NETDEV_NOT_FOUND, NETDEV_BUSY, BAD_REQUEST, and what the guard throws
 */
export function takeNetdev(
  request: NormalPortRequest,
  context: AttachContext,
  undo: AsyncDisposableStack,
): ExistingNetdev {
  const netdev = findNetdev(request.netdev ?? '');
  const guard = guardNetdev(netdev.index);
  undo.defer(() => guard.close());
  watchLink(netdev.index, context, undo, (state) => {
    if (state.lost) guard.close();
    context.onLink(state);
  });
  const { name, kind } = request;
  return {
    identity: { name, kind, netdev: netdev.name, netns: null, ifname: null, addresses: [], mac: netdev.mac },
    netdev,
    netdevMtu: netdev.mtu,
    remembered: null,
    setMtu: () => Promise.resolve(),
  };
}

/**
 * The netdev, if it can be a port's.
 *
 * @throws TswitchError NETDEV_NOT_FOUND, NETDEV_BUSY, BAD_REQUEST
 */
export function findNetdev(name: string): Netdev {
  const netdev = readNetdev(null, name);
  if (!netdev) {
    throw new TswitchError('NETDEV_NOT_FOUND', `there is no netdev ${name} in the daemon's namespace: see \`ip link\``);
  }
  refuseUnfit(netdev);
  return netdev;
}

function refuseUnfit({ name, flags, alias }: Netdev): void {
  if (flags & IFF_LOOPBACK) {
    throw new TswitchError(
      'BAD_REQUEST',
      `${name} is the host's loopback: as a port it would cut the host off from itself`,
    );
  }
  const mark = parseMark(alias);
  if (!mark) return;
  const isAlive = isProcessAlive(mark);
  if (isAlive || mark.state !== null) {
    throw new TswitchError(
      'NETDEV_BUSY',
      `${name} belongs to port ${mark.port} of a tswitch that ${isAlive ? 'runs' : 'may come back'}: attach another netdev`,
    );
  }
}
