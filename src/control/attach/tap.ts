/** Kind `tap`: a TAP that the daemon holds open and whose netdev it moves into the namespace. It ends with its descriptor. */
import { moveTap } from '../plumbing/netdev.ts';
import { ownMark } from '../plumbing/ownership.ts';
import { TapSocket } from '../../ports/open-tap.ts';
import { TswitchError } from '../errors.ts';
import type { Attach } from './attachment.ts';
import { prepareFarEnd, setFarEndMtu } from './far-end.ts';
import { netdevName } from './netdev-name.ts';
import { tapOverflow, watchTap } from './tap-watch.ts';

export const attachTap: Attach = async (request, context) => {
  using setUp = new DisposableStack();
  await using undo = new AsyncDisposableStack();
  if (context.arenas.length > 1) {
    throw new TswitchError(
      'NOT_SUPPORTED',
      'a tap port is served by one worker: start the daemon with --workers 1, or use --kind veth',
    );
  }
  const farEnd = await prepareFarEnd(request);
  const { netns, ifname, mac, mtu } = farEnd;
  setUp.defer(() => netns.close());
  const netdev = netdevName(request.name);
  const socket = TapSocket.open(netdev);
  undo.defer(() => socket.close());
  await moveTap({
    netdev,
    alias: ownMark(request.name),
    ...farEnd,
  });
  const watch = watchTap(socket, context.onLink);
  undo.defer(() => watch.close());
  const resources = undo.move();
  return {
    identity: {
      name: request.name,
      kind: 'tap',
      netdev: null,
      netns: netns.spec,
      ifname,
      addresses: request.addresses,
      mac,
    },
    netdevMtu: mtu,
    link: watch.state,
    sockets: [{ resources: socket.resources, overflowed: () => tapOverflow(socket), close: () => socket.close() }],
    setMtu: (wanted) => setFarEndMtu(netns.spec, netns.inode, ifname, wanted),
    close: () => resources.disposeAsync(),
  };
};
