/** Kind `tap`: a TAP that the daemon holds open and whose netdev it moves into the namespace. It ends with its descriptor. */
import { moveTap } from '../plumbing/netdev.ts';
import { ownMark } from '../plumbing/ownership.ts';
import { TapSocket } from '../../ports/open-tap.ts';
import type { Attach, PortSockets } from './attachment.ts';
import { prepareFarEnd, setFarEndMtu } from './far-end.ts';
import { netdevName } from './netdev-name.ts';
import { watchTap } from './tap-watch.ts';

export const attachTap: Attach = async (request, context) => {
  using setUp = new DisposableStack();
  await using undo = new AsyncDisposableStack();
  const farEnd = await prepareFarEnd(request, context.remembered);
  const { netns, ifname, mac, mtu, remembered } = farEnd;
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
    sockets: context.arenas.map((_, worker): PortSockets => {
      // One queue, so that a flow keeps its order: see docs/decisions/0007-tap-one-queue.md.
      const receives = worker === context.handle % context.arenas.length;
      return {
        resources: { kind: 'tap', fd: socket.fd, receives },
        overflowed: () => (receives ? watch.overflowed() : 0),
      };
    }),
    xdp: null,
    remembered,
    check: () => watch.check(),
    setMtu: (wanted) => setFarEndMtu(remembered, ifname, wanted),
    close: () => resources.disposeAsync(),
  };
};
