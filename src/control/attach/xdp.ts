/**
 * Kind `xdp`: a pair that tswitch makes, or a netdev that exists already, through AF_XDP sockets. An XDP program of tswitch's
 * own gives each of the netdev's frames to the socket of its queue, before the host's stack or any packet tap hears it.
 */
import { EAFNOSUPPORT, EBUSY, EINVAL, ENOBUFS } from '../../../native-bindings/abi/errno.ts';
import { SyscallError } from '../../../native-bindings/syscalls.ts';
import { listenToAll } from '../../ports/open-packet.ts';
import { XdpSockets } from '../../ports/open-xdp.ts';
import { TswitchError } from '../errors.ts';
import { type Channels, readChannels, switchFeatures } from '../plumbing/ethtool.ts';
import { INVISIBLE_TO_XDP } from '../plumbing/far-end-offloads.ts';
import { type Netdev, readNetdev } from '../plumbing/netdev.ts';
import { findVethPeer } from '../plumbing/veth-peer.ts';
import { XdpProgram } from '../plumbing/xdp-program.ts';
import type { Netns } from '../plumbing/netns.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { limitsIn } from '../rate-limits.ts';
import type { Attach, AttachContext } from './attachment.ts';
import { takeNetdev } from './existing-netdev.ts';
import { limitsSetter } from './limits.ts';
import { linkStateOf } from './link-state.ts';
import { ownPair } from './own-pair.ts';
import { watchLink } from './packet-sockets.ts';
import { shareQueues } from './xdp-queues.ts';

/** Queues of one netdev; each costs 4 MiB of memory that is never paged out. */
const QUEUES_MAX = 64;
/** With these on, the netdev takes the tag out of a frame's bytes before an XDP program sees them. */
const TAG_TAKERS: ReadonlySet<string> = new Set(['rx-vlan-hw-parse', 'rx-vlan-stag-hw-parse']);

export const attachXdp: Attach = async (request, context) => {
  await using undo = new AsyncDisposableStack();
  const { netdev, leaveBehind, limiters, ...place } = await placeOf(request, context, undo);
  const channels = queuesOf(netdev);
  try {
    const program = XdpProgram.attach(netdev.index, netdev.name, channels.receive);
    undo.defer(() => program.close());
    const shares = shareQueues(channels, context.arenas.length);
    const sockets = context.arenas.map((arena, worker) => {
      const opened = XdpSockets.open(netdev.index, arena, shares[worker]!);
      undo.defer(() => opened.close());
      for (const { queue, fd } of opened.receivers) program.direct(queue, fd);
      return opened;
    });
    const resources = undo.move();
    return {
      ...place,
      link: linkStateOf({ ...netdev, gone: false }),
      sockets,
      xdp: { mode: program.mode, queues: channels.receive },
      check: null,
      setLimits: limitsSetter(limitsIn(request), limiters),
      keep: () => undefined,
      close: () => resources.disposeAsync(),
      async leave() {
        leaveBehind();
        await resources.disposeAsync();
      },
    };
  } catch (error) {
    throw explain(error, netdev.name);
  }
};

async function placeOf(request: NormalPortRequest, context: AttachContext, undo: AsyncDisposableStack) {
  if (request.netdev === null) {
    // A queue for each worker, so that each can receive and send by one of its own.
    const options = { queues: context.arenas.length, switchOff: INVISIBLE_TO_XDP };
    const { limitFarEnd, ...pair } = await ownPair(request, context, undo, options);
    watchLink(pair.netdev.index, context, undo, context.onLink);
    // An AF_XDP socket sends past the queueing discipline: there is nothing to limit the other direction by.
    return { ...pair, limiters: { ingress: limitFarEnd } };
  }
  const existing = takeNetdev(request, context, undo);
  const { index, name } = existing.netdev;
  const switchedOff = new Set(switchFeatures(null, name, TAG_TAKERS, false));
  undo.defer(() => giveFeaturesBack(null, name, switchedOff));
  await quietPeer(existing.netdev, undo);
  const listener = listenToAll(index);
  undo.defer(() => listener.close());
  return { ...existing, leaveBehind: () => undefined, limiters: {} };
}

/**
 * Where the netdev is a veth, its other end is to send nothing but what AF_XDP sees whole. Its features are given back with
 * the port; it is looked for anew then, as it may have moved and its namespace is not to be kept alive.
 */
async function quietPeer(netdev: Netdev, undo: AsyncDisposableStack): Promise<void> {
  using peer = await findVethPeer(netdev);
  if (!peer) return;
  const switchedOff = new Set(switchFeatures(peer.netns, peer.name, new Set(INVISIBLE_TO_XDP), false));
  undo.defer(async () => {
    const present = readNetdev(null, netdev.index);
    using found = present && (await findVethPeer(present));
    if (found) giveFeaturesBack(found.netns, found.name, switchedOff);
  });
}

/** The netdev may be gone, or be called otherwise. */
function giveFeaturesBack(netns: Netns | null, name: string, features: ReadonlySet<string>): void {
  try {
    switchFeatures(netns, name, features, true);
  } catch (error) {
    if (!(error instanceof TswitchError && error.code === 'NETDEV_NOT_FOUND')) throw error;
  }
}

function queuesOf(netdev: Netdev): Channels {
  const { name } = netdev;
  const channels = readChannels(null, name) ?? netdev.queues;
  const queues = Math.max(channels.receive, channels.send);
  if (channels.receive > QUEUES_MAX) {
    throw new TswitchError(
      'NOT_SUPPORTED',
      `${name} has ${queues} queues, and a port of kind xdp serves ${QUEUES_MAX} at most: \`ethtool -L ${name} combined ${QUEUES_MAX}\` first`,
    );
  }
  return channels;
}

function explain(error: unknown, name: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  switch (error.errno) {
    case EAFNOSUPPORT:
      return new TswitchError(
        'NOT_SUPPORTED',
        'this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): use kind veth or packet',
      );
    case EBUSY:
      return new TswitchError(
        'NETDEV_BUSY',
        `another program has AF_XDP sockets on ${name} (${error.message}): stop it, or add the port with kind packet`,
      );
    case EINVAL:
      return new TswitchError(
        'NOT_SUPPORTED',
        `the AF_XDP sockets of ${name} were refused (${error.message}): kind xdp needs Linux 6.6 or later; kind veth and packet do not`,
      );
    case ENOBUFS:
      return new TswitchError(
        'LIMIT_REACHED',
        `${error.message}: the memory of a port of kind xdp stays locked; run the daemon with CAP_IPC_LOCK or raise its limit (ulimit -l)`,
      );
    default:
      return error;
  }
}
