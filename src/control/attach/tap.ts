/**
 * Kind `tap`: a TAP that the daemon holds open and whose netdev it moves into the namespace. It ends with its descriptor, unless
 * the daemon keeps its state: then it stays for the daemon's next life, which attaches to it where it is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EBUSY, EINVAL } from '../../../native-bindings/abi/errno.ts';
import { SyscallError } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';
import { deleteOwnNetdev, type FarEnd, listNetdevs, moveTap, readNetdev, setNetdevMtu } from '../plumbing/netdev.ts';
import { inNetns } from '../plumbing/netns.ts';
import { type Mark, madeDigest } from '../plumbing/ownership.ts';
import { setTokenBucket } from '../plumbing/token-bucket.ts';
import { TapSocket } from '../../ports/open-tap.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { bucketOf, limitsIn } from '../rate-limits.ts';
import type { Attach, AttachContext, PortSockets } from './attachment.ts';
import { atFarEnd, prepareFarEnd } from './far-end.ts';
import { limitsSetter } from './limits.ts';
import { netdevName } from './netdev-name.ts';
import { markTap, watchTap } from './tap-watch.ts';

const NAME_TRIES_MAX = 20;
const NAME_PAUSE_MS = 50;

export const attachTap: Attach = async (request, context) => {
  using setUp = new DisposableStack();
  await using undo = new AsyncDisposableStack();
  const farEnd = await prepareFarEnd(request, context.remembered);
  const { netns, ifname, mac, mtu, remembered } = farEnd;
  setUp.defer(() => netns.close());
  const made = digestOf({ ...request, mac });
  const { socket, name, isOld } = await openTap(request, context, farEnd, made);
  undo.defer(() => socket.close());
  await setTokenBucket(netns, name, bucketOf(request, 'ingress'));
  markTap(socket, context.owner.mark(request.name, { made }));
  const watch = watchTap(socket, context.onLink, isOld ? remembered : null);
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
    setMtu: (wanted) => atFarEnd(remembered, (place) => setNetdevMtu(place, ifname, wanted)),
    setLimits: limitsSetter(limitsIn(request), {
      ingress: (bucket) => atFarEnd(remembered, (place) => setTokenBucket(place, ifname, bucket)),
    }),
    keep: () => socket.persist(true),
    async close() {
      socket.persist(false);
      await resources.disposeAsync();
    },
    async leave() {
      markTap(socket, context.owner.mark(request.name, { made, isStopped: true }));
      await resources.disposeAsync();
    },
  };
};

/** The port's TAP: the one of an earlier life, as it is, or a new one in its place. */
async function openTap(
  request: NormalPortRequest,
  { owner }: AttachContext,
  farEnd: FarEnd,
  made: string,
): Promise<{ socket: TapSocket; name: string; isOld: boolean }> {
  const { netns, ifname } = farEnd;
  for (const { name, alias, mtu, kind } of listNetdevs(netns)) {
    const mark = kind === 'tun' ? owner.ownMark(alias, request.name) : null;
    if (!mark) continue;
    const socket = attachToTap(netns, name);
    if (mark.made === made) {
      await mendMtu(farEnd, { name, mtu }, mark);
      return { socket, name, isOld: true };
    }
    socket.persist(false);
    socket.close();
  }
  const netdev = netdevName(request.name);
  const socket = await makeTap(netdev, (alias) => owner.ownMark(alias, request.name) !== null);
  try {
    await moveTap({ netdev, alias: owner.mark(request.name), ...farEnd });
    return { socket, name: ifname, isOld: false };
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * A new TAP. What a daemon that was killed had under way may have its name: for a moment, or, where the port was of another kind
 * then, until it is removed.
 */
async function makeTap(netdev: string, isOwn: (alias: string | null) => boolean): Promise<TapSocket> {
  for (let tries = 1; ; tries++) {
    try {
      return TapSocket.open(netdev);
    } catch (error) {
      if (!(error instanceof SyscallError && error.errno === EINVAL)) throw error;
      if (tries === NAME_TRIES_MAX) {
        throw new TswitchError(
          'NETDEV_BUSY',
          `a netdev ${netdev} that is no TAP is in the way: remove it, or name the port otherwise`,
        );
      }
      const found = readNetdev(null, netdev);
      if (found) await deleteOwnNetdev(found.index, isOwn);
      await sleep(NAME_PAUSE_MS);
    }
  }
}

function attachToTap(netns: { readonly fd: number }, name: string): TapSocket {
  try {
    return inNetns(netns, () => TapSocket.open(name));
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === EBUSY)) throw error;
    throw new TswitchError(
      'NETDEV_BUSY',
      `the TAP ${name} is still held by another process: wait until that has ended`,
    );
  }
}

/** An MTU that a daemon was about to change when it was killed is put right; else the far end is its user's. */
async function mendMtu(
  { netns, ifname, mtu }: FarEnd,
  found: { name: string; mtu: number },
  { isStopped }: Mark,
): Promise<void> {
  if (!isStopped && found.mtu !== mtu && found.name === ifname) await setNetdevMtu(netns, ifname, mtu);
}

/** What cannot be changed of a TAP port without making it anew. */
function digestOf({ kind, netns, ifname, addresses, mac, gateway }: NormalPortRequest): string {
  return madeDigest([kind, netns, ifname, addresses, mac, gateway]);
}
