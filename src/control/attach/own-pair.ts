/**
 * The pair behind a port of kind `veth` or `xdp`: its far end goes into the namespace, its own end stays in the daemon's. The
 * own end's frames never reach the host's stack: the guard is on before the netdev comes up, and stays as long as the netdev.
 *
 * A pair that an earlier life of the daemon made for the same port is taken over as it is: nobody at the far end notices.
 */
import { IFF_UP } from '../../../native-bindings/abi/ioctl.ts';
import { TswitchError } from '../errors.ts';
import { disableInexpressibleOffloads } from '../plumbing/far-end-offloads.ts';
import { guardOwnNetdev } from '../plumbing/host-guard.ts';
import {
  createVethPair,
  deleteOwnNetdev,
  type Netdev,
  readNetdev,
  setAlias,
  setNetdevMtu,
} from '../plumbing/netdev.ts';
import { resolveNetns } from '../plumbing/netns.ts';
import { type Mark, madeDigest, parseMark } from '../plumbing/ownership.ts';
import { isProcessAlive } from '../plumbing/process-mark.ts';
import { setTokenBucket, type TokenBucket } from '../plumbing/token-bucket.ts';
import { findVethPeer } from '../plumbing/veth-peer.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { bucketOf } from '../rate-limits.ts';
import type { AttachContext, Attachment } from './attachment.ts';
import { atFarEnd, prepareFarEnd } from './far-end.ts';
import { netdevName } from './netdev-name.ts';
import { type NetnsMemory, rememberNetns, unknownNetns } from './netns-memory.ts';

/** The pair, and what it says of the port. */
export interface OwnPair extends Pick<Attachment, 'identity' | 'netdevMtu' | 'remembered' | 'setMtu'> {
  /** The own end. */
  netdev: Netdev;
  /** Changes the limit of the far end, which is in force as it was asked for. */
  limitFarEnd: (bucket: TokenBucket | null) => Promise<void>;
  /** From now on, disposing `undo` leaves the pair, marked as what a daemon left in order. */
  leaveBehind: () => void;
}

export interface OwnPairOptions {
  /** Of either end. */
  queues: number;
  /** Features that the far end is not to have, beside those that no port can do with. */
  switchOff: readonly string[];
}

/** Takes the port's pair over or makes it, until `undo` is disposed. */
export async function ownPair(
  request: NormalPortRequest,
  context: AttachContext,
  undo: AsyncDisposableStack,
  options: OwnPairOptions,
): Promise<OwnPair> {
  const { owner } = context;
  const { name } = request;
  const left = readNetdev(null, netdevName(name));
  const mark = left && owner.ownMark(left.alias, name);
  if (!left || !mark) {
    refuseAwaited(left);
    return makePair(request, context, undo, options);
  }
  // One that is down was in another namespace meanwhile, or will not do as it is.
  const isUp = (left.flags & IFF_UP) !== 0;
  if (isUp && mark.made === digestOf(request) && left.queues.receive === options.queues)
    return takeOver(request, context, undo, { left, mark });
  await deleteOwnNetdev(left.index, (alias) => owner.ownMark(alias, name) !== null);
  return makePair(request, context, undo, options);
}

async function makePair(
  request: NormalPortRequest,
  context: AttachContext,
  undo: AsyncDisposableStack,
  options: OwnPairOptions,
): Promise<OwnPair> {
  using setUp = new DisposableStack();
  const own = netdevName(request.name);
  const farEnd = await prepareFarEnd(request, context.remembered);
  const { netns, ifname, mac, remembered } = farEnd;
  setUp.defer(() => netns.close());
  await createVethPair({
    own,
    // Not complete yet: whoever finds it so makes it anew.
    ownAlias: context.owner.mark(request.name),
    queues: options.queues,
    ...farEnd,
    beforeUp: async (ifindex) => {
      await guardOwnNetdev(own, ifindex);
      disableInexpressibleOffloads(netns, ifname, options.switchOff);
      await setTokenBucket(netns, ifname, bucketOf(request, 'ingress'));
    },
  });
  const netdev = readNetdev(null, own);
  if (!netdev) throw new TswitchError('NETDEV_NOT_FOUND', `${own} vanished while it was being attached: try again`);
  return heldPair({ ...request, mac }, context, undo, { netdev, remembered });
}

async function takeOver(
  request: NormalPortRequest,
  context: AttachContext,
  undo: AsyncDisposableStack,
  { left, mark }: { left: Netdev; mark: Mark },
): Promise<OwnPair> {
  const remembered = await rememberFarEnd(request, context.remembered, left, mark);
  return heldPair(request, context, undo, { netdev: left, remembered });
}

/**
 * Whatever namespace the far end is in by now, it is the one that the port was attached to; if that is not where its name
 * leads, the name is another's. Only an MTU and a limit that a daemon was about to change when it was killed are put right.
 */
async function rememberFarEnd(
  request: NormalPortRequest,
  before: NetnsMemory | null,
  left: Netdev,
  { isStopped }: Mark,
): Promise<NetnsMemory> {
  const { netns: spec, ifname, mtu } = request;
  const otherwise = before ?? unknownNetns(spec ?? '');
  const netns = await resolveNetns(spec ?? '').catch(() => null);
  if (!netns) return otherwise;
  try {
    const far = readNetdev(netns, left.link?.index ?? 0);
    const isItsEnd = far?.kind === 'veth' && far.link?.index === left.index;
    if (!isItsEnd) return otherwise;
    const isMtuHalfChanged = !isStopped && mtu !== undefined && far.mtu !== mtu && far.name === ifname;
    if (isMtuHalfChanged) await setNetdevMtu(netns, far.name, mtu);
    await setTokenBucket(netns, far.name, bucketOf(request, 'ingress'));
    return before?.process ? before : await rememberNetns(netns);
  } finally {
    netns.close();
  }
}

/** @param request with the MAC address that the far end has */
function heldPair(
  request: NormalPortRequest,
  { owner }: AttachContext,
  undo: AsyncDisposableStack,
  { netdev, remembered }: { netdev: Netdev; remembered: NetnsMemory },
): OwnPair {
  const { name, kind, addresses, mac } = request;
  const ifname = request.ifname ?? '';
  const made = digestOf(request);
  let isLeft = false;
  undo.defer(async () => {
    if (!isLeft) await deleteOwnNetdev(netdev.index, (alias) => owner.ownMark(alias, name) !== null);
  });
  setAlias(null, netdev.index, owner.mark(name, { made }));
  return {
    identity: { name, kind, netdev: netdev.name, netns: request.netns, ifname, addresses, mac },
    netdev,
    netdevMtu: request.mtu ?? netdev.mtu,
    remembered,
    setMtu: (wanted) => atFarEnd(remembered, (netns) => setNetdevMtu(netns, ifname, wanted)),
    async limitFarEnd(bucket) {
      // Whoever took it over (Docker) has moved and renamed it. Where that cannot be seen, it is looked for where it was put.
      const own = readNetdev(null, netdev.index);
      using peer = own && (await findVethPeer(own));
      if (peer) await setTokenBucket(peer.netns, peer.name, bucket);
      else await atFarEnd(remembered, (netns) => setTokenBucket(netns, ifname, bucket));
    },
    leaveBehind: () => {
      isLeft = true;
      if (isOwn(netdev.index)) setAlias(null, netdev.index, owner.mark(name, { made, isStopped: true }));
    },
  };

  function isOwn(index: number): boolean {
    return owner.ownMark(readNetdev(null, index)?.alias ?? null, name) !== null;
  }
}

/** What cannot be changed of a pair without making it anew. Its MTU can. */
function digestOf({ kind, netns, ifname, addresses, mac, gateway }: NormalPortRequest): string {
  return madeDigest([kind, netns, ifname, addresses, mac, gateway]);
}

/** @throws TswitchError NETDEV_EXISTS, with what to do about it */
function refuseAwaited(left: Netdev | null): void {
  const mark = parseMark(left?.alias ?? null);
  if (!left || !mark || mark.state === null || isProcessAlive(mark)) return;
  throw new TswitchError(
    'NETDEV_EXISTS',
    `${left.name} belongs to port ${mark.port} of a tswitch that has ended and keeps its state: start that one with its --state, or \`ip link del ${left.name}\` if it is not wanted any more`,
  );
}
