/**
 * Netdevs: making the pair of a veth port, moving a TAP to its place, and reading how one is. What is made here is complete
 * or not there at all: on failure everything made so far is removed before the error goes on.
 */
import { writeFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { NETDEV_NAME_BYTES_MAX } from '../../limits.ts';
import { TswitchError } from '../errors.ts';
import { ipBatch } from './ip.ts';
import {
  LINK_MESSAGE_BYTES_MAX,
  askForAllLinks,
  askForLink,
  isLastOfMany,
  linkAttributes,
  openLinkSocket,
  readLinkMessages,
  sendAlias,
} from './link-messages.ts';
import type { LinkAttributes, LinkMessage } from './link-messages.ts';
import { inNetns, isHome } from './netns.ts';
import type { Netns } from './netns.ts';

/**
 * MTU of the switch's own ends, the most a veth takes: a frame with tags always fits, and the port's MTU is enforced by the
 * switch itself, with a counter.
 */
const OWN_MTU = 65_535;

export interface Netdev extends LinkAttributes {
  index: number;
  /** IFF_ bits (abi/ioctl.ts), IFF_LOWER_UP among them. */
  flags: number;
}

/** The end of a port that its user sees. */
export interface FarEnd {
  netns: Netns;
  /** Its name there. */
  ifname: string;
  mac: string;
  mtu: number;
  /** With prefix length. IPv6 ones work at once: duplicate detection is skipped. */
  addresses: readonly string[];
  /** Default route, of the family of this address; null for none. */
  gateway: string | null;
}

export interface VethPair extends FarEnd {
  /** Name of the switch's end, in the daemon's namespace. */
  own: string;
  /** The mark it carries (ownership.ts). */
  ownAlias: string;
  /** Queues of either end; default 1. */
  queues?: number;
  /** Called while both ends are made but down: what must be in force from the first frame on. */
  beforeUp?: (ownIndex: number) => void | Promise<void>;
}

export interface TapMove extends FarEnd {
  /** Name of the TAP, in the daemon's namespace. */
  netdev: string;
  /** The mark it carries (ownership.ts). */
  alias: string;
}

/**
 * Makes a veth pair whose far end appears in its namespace under its final name. Afterwards both ends are up.
 *
 * @throws TswitchError NETDEV_EXISTS, NOT_PERMITTED, ADDRESS_REFUSED, BAD_REQUEST ..., and what `beforeUp` throws
 */
export async function createVethPair(pair: VethPair): Promise<void> {
  const { own, netns, ifname } = pair;
  refuseExisting(null, own);
  refuseExisting(netns, ifname);
  const queues = ['numtxqueues', String(pair.queues ?? 1), 'numrxqueues', String(pair.queues ?? 1)];
  const place = isHome(netns) ? [] : ['netns', netns.path];
  const farEnd = ['name', ifname, 'mtu', String(pair.mtu), 'address', pair.mac, ...queues, ...place];
  try {
    await ipBatch(null, [
      ['link', 'add', 'name', own, 'mtu', String(OWN_MTU), ...queues, 'type', 'veth', 'peer', ...farEnd],
      ['link', 'set', 'dev', own, 'alias', pair.ownAlias, 'arp', 'off', 'addrgenmode', 'none'],
    ]);
    await switchOffIpv6(own);
    if (pair.beforeUp) await pair.beforeUp(existing(own).index);
    await ipBatch(netns, farEndLines(pair));
    await ipBatch(null, [['link', 'set', 'dev', own, 'up']]);
  } catch (error) {
    // Where the name was taken meanwhile, it is not ours to delete. Anything else that fails keeps its own error.
    const isTaken = error instanceof TswitchError && error.code === 'NETDEV_EXISTS';
    if (!isTaken) await deleteNetdev(own).catch(() => undefined);
    throw error;
  }
}

/**
 * Takes a TAP that was made in the daemon's namespace to its place, and brings it up there. After a failure it may be in
 * either namespace: close its descriptor, and it is gone.
 *
 * @throws TswitchError, as createVethPair
 */
export async function moveTap(tap: TapMove): Promise<void> {
  const { netdev, netns, ifname } = tap;
  const stays = isHome(netns);
  if (!stays || ifname !== netdev) refuseExisting(netns, ifname);
  const place = stays ? [] : ['netns', netns.path];
  await ipBatch(null, [
    ['link', 'set', 'dev', netdev, 'alias', tap.alias, 'address', tap.mac, 'mtu', String(tap.mtu)],
    ['link', 'set', 'dev', netdev, ...place, 'name', ifname],
  ]);
  await ipBatch(netns, farEndLines(tap));
}

/** Deletes a netdev of the daemon's namespace (a veth's other end goes with it). One that is not there is fine. */
export async function deleteNetdev(name: string): Promise<void> {
  try {
    await ipBatch(null, [['link', 'del', 'dev', name]]);
  } catch (error) {
    if (!(error instanceof TswitchError && error.code === 'NETDEV_NOT_FOUND')) throw error;
  }
}

/**
 * Deletes a netdev that tswitch made, by whatever name it goes now. One that is gone is fine, and so is one that another
 * has taken the place of: it lacks the mark.
 */
export async function deleteOwnNetdev(index: number, isOwn: (alias: string | null) => boolean): Promise<void> {
  const netdev = readNetdev(null, index);
  if (netdev && isOwn(netdev.alias)) await deleteNetdev(netdev.name);
}

/**
 * @param netns null for the daemon's own
 * @throws TswitchError NETDEV_NOT_FOUND, SyscallError
 */
export function setAlias(netns: { readonly fd: number } | null, index: number, alias: string): void {
  const [refusal] = withLinkSocket(netns, (fd) => {
    sendAlias(fd, index, alias);
    return receiveMessages(fd).messages;
  });
  if (refusal) throw new TswitchError('NETDEV_NOT_FOUND', `netdev ${index} vanished while it was marked: try again`);
}

/** @param netns null for the daemon's own */
export async function setNetdevMtu(netns: Netns | null, name: string, mtu: number): Promise<void> {
  await ipBatch(netns, [['link', 'set', 'dev', name, 'mtu', String(mtu)]]);
}

/**
 * @param netns null for the daemon's own
 * @param link name or index
 */
export function readNetdev(netns: { readonly fd: number } | null, link: string | number): Netdev | null {
  if (typeof link === 'string' && !couldBeName(link)) return null;
  return withLinkSocket(netns, (fd) => {
    askForLink(fd, link);
    const [found] = receiveMessages(fd).messages;
    return !found || found.gone ? null : netdevOf(found);
  });
}

/** All netdevs of a namespace. @param netns null for the daemon's own */
export function listNetdevs(netns: { readonly fd: number } | null): Netdev[] {
  return withLinkSocket(netns, (fd) => {
    askForAllLinks(fd);
    const netdevs: Netdev[] = [];
    for (;;) {
      const { messages, isLast } = receiveMessages(fd);
      netdevs.push(...messages.map(netdevOf));
      if (isLast) return netdevs;
    }
  });
}

function withLinkSocket<T>(netns: { readonly fd: number } | null, act: (fd: number) => T): T {
  return inNetns(netns, () => {
    const fd = openLinkSocket(0);
    try {
      return act(fd);
    } finally {
      sys.close(fd);
    }
  });
}

/** The kernel has its answer ready when the question is sent, and the next part of a long one when a part is read. */
function receiveMessages(fd: number): { messages: LinkMessage[]; isLast: boolean } {
  const datagram = new Uint8Array(LINK_MESSAGE_BYTES_MAX);
  const length = check('recv AF_NETLINK', sys.recvBytes(fd, datagram, 0));
  return { messages: readLinkMessages(datagram, length), isLast: isLastOfMany(datagram, length) };
}

function netdevOf(message: LinkMessage): Netdev {
  return { index: message.index, flags: message.flags, ...linkAttributes(message) };
}

function couldBeName(name: string): boolean {
  const bytes = Buffer.byteLength(name);
  return bytes > 0 && bytes <= NETDEV_NAME_BYTES_MAX && !name.includes('\0');
}

function farEndLines(farEnd: FarEnd): string[][] {
  const { ifname, addresses, gateway } = farEnd;
  const lines = addresses.map((address) => {
    const isV6 = isIPv6(address.split('/')[0] ?? '');
    return ['address', 'add', address, 'dev', ifname, ...(isV6 ? ['nodad'] : [])];
  });
  lines.push(['link', 'set', 'dev', ifname, 'up']);
  if (gateway !== null) lines.push(['route', 'add', 'default', 'via', gateway, 'dev', ifname]);
  return lines;
}

/**
 * Before the kernel is asked, because its `File exists` does not say which of two names it means.
 *
 * @throws TswitchError NETDEV_EXISTS
 */
export function refuseExisting(netns: Netns | null, name: string): void {
  if (!readNetdev(netns, name)) return;
  const place = netns === null || isHome(netns) ? "the daemon's namespace" : `namespace ${netns.spec}`;
  throw new TswitchError(
    'NETDEV_EXISTS',
    `there is a netdev ${name} in ${place} already: choose another name or remove it`,
  );
}

function existing(name: string): Netdev {
  const netdev = readNetdev(null, name);
  if (!netdev) throw new TswitchError('NETDEV_NOT_FOUND', `${name} vanished while it was being set up: try again`);
  return netdev;
}

/**
 * The own end must not speak on the network (router solicitations, duplicate detection), which is decided before it comes
 * up. Without addresses it stays silent enough where /proc/sys is read-only (containers) or the kernel has no IPv6.
 */
async function switchOffIpv6(name: string): Promise<void> {
  try {
    await writeFile(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT' && code !== 'EROFS' && code !== 'EACCES') throw error;
  }
}
