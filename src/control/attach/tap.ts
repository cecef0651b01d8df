/** Kind `tap`: a TAP that the daemon holds open and whose netdev it moves into the namespace. It ends with its descriptor. */
import { randomBytes } from 'node:crypto';
import { moveTap } from '../plumbing/netdev.ts';
import { createNetns, resolveNetns } from '../plumbing/netns.ts';
import { ownMark } from '../plumbing/ownership.ts';
import { TapSocket } from '../../ports/open-tap.ts';
import { TswitchError } from '../errors.ts';
import type { Attach } from './attachment.ts';
import { setFarEndMtu } from './far-end.ts';
import { netdevName, randomMac } from './netdev-name.ts';
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
  const ifname = request.ifname ?? 'eth0';
  const spec = request.netns ?? '';
  if (request.createNetns) await createNetns(spec);
  const netns = await resolveNetns(spec);
  setUp.defer(() => netns.close());
  const netdev = netdevName(request.name);
  const mac = request.mac ?? randomMac(randomBytes);
  const mtu = request.mtu ?? 1500;
  const socket = TapSocket.open(netdev);
  undo.defer(() => socket.close());
  await moveTap({
    netdev,
    alias: ownMark(request.name),
    netns,
    ifname,
    mac,
    mtu,
    addresses: request.addresses,
    gateway: request.gateway ?? null,
  });
  const watch = watchTap(socket, context.onLink);
  undo.defer(() => watch.close());
  const resources = undo.move();
  return {
    identity: { name: request.name, kind: 'tap', netdev: null, netns: spec, ifname, addresses: request.addresses, mac },
    netdevMtu: mtu,
    link: watch.state,
    sockets: [{ resources: socket.resources, overflowed: () => tapOverflow(socket), close: () => socket.close() }],
    setMtu: (wanted) => setFarEndMtu(spec, netns.inode, ifname, wanted),
    close: () => resources.disposeAsync(),
  };
};
