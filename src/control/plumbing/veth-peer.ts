/**
 * The other end of a veth that tswitch did not make. The kernel tells its index and, where it lies in another namespace, the
 * number which that one has here (rtnetlink(7), IFLA_LINK_NETNSID). Which of the machine's namespaces it is, is found out by
 * asking for the number of each (RTM_GETNSID): those with a name, then those of processes.
 */
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  NETNSA_FD,
  NETNSA_NSID,
  NLMSGHDR,
  NLMSG_ALIGNTO,
  NLM_F_REQUEST,
  RTATTR,
  RTM_GETNSID,
  RTM_NEWNSID,
} from '../../../native-bindings/abi/netlink.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { attributes, LINK_MESSAGE_BYTES_MAX, openLinkSocket } from './link-messages.ts';
import { type Netdev, readNetdev } from './netdev.ts';
import { inNetns, NAMES, type Netns, resolveNetns } from './netns.ts';

/** Attributes of a message about a namespace: behind the nlmsghdr and struct rtgenmsg, which is one byte and padded. */
const ATTRIBUTES_AT = NLMSGHDR.size + NLMSG_ALIGNTO;
const INT_BYTES = 4;

export interface VethPeer extends Disposable {
  /** Open until disposed; null for the daemon's own. */
  readonly netns: Netns | null;
  readonly name: string;
}

/** Null: it is no veth, or its other end lies where this process cannot see. */
export async function findVethPeer({ kind, link }: Netdev): Promise<VethPeer | null> {
  if (kind !== 'veth' || link === null) return null;
  const netns = link.netnsId === null ? null : await findNetns(link.netnsId);
  if (netns === undefined) return null;
  const peer = readNetdev(netns, link.index);
  if (!peer) netns?.close();
  return peer && { netns, name: peer.name, [Symbol.dispose]: () => netns?.close() };
}

/** The namespace that has this number in the daemon's own. Undefined: none that can be seen. */
async function findNetns(wanted: number): Promise<Netns | undefined> {
  for await (const path of netnsFiles()) {
    // What vanished meanwhile, or may not be opened, is not it.
    const netns = await resolveNetns(path).catch(() => null);
    if (netns && netnsIdOf(netns.fd) === wanted) return netns;
    netns?.close();
  }
  return undefined;
}

/** Of each namespace of a process once, as there are many more processes than namespaces. */
async function* netnsFiles(): AsyncGenerator<string> {
  for (const name of await readdir(NAMES).catch(() => [])) yield join(NAMES, name);
  const seen = new Set<string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))) {
    const path = `/proc/${pid}/ns/net`;
    const identity = await readlink(path).catch(() => null);
    if (identity === null || seen.has(identity)) continue;
    seen.add(identity);
    yield path;
  }
}

/** The number of an open namespace in the daemon's own; negative: it has none. */
function netnsIdOf(netnsFd: number): number {
  const message = new Uint8Array(ATTRIBUTES_AT + RTATTR.size + INT_BYTES);
  const view = new DataView(message.buffer);
  view.setUint32(NLMSGHDR.len, message.length, true);
  view.setUint16(NLMSGHDR.type, RTM_GETNSID, true);
  view.setUint16(NLMSGHDR.flags, NLM_F_REQUEST, true);
  view.setUint16(ATTRIBUTES_AT + RTATTR.len, RTATTR.size + INT_BYTES, true);
  view.setUint16(ATTRIBUTES_AT + RTATTR.type, NETNSA_FD, true);
  view.setUint32(ATTRIBUTES_AT + RTATTR.size, netnsFd, true);
  return inNetns(null, () => {
    const fd = openLinkSocket(0);
    try {
      check('send RTM_GETNSID', sys.sendBytes(fd, message, 0));
      const answer = new Uint8Array(LINK_MESSAGE_BYTES_MAX);
      const bytes = check('receive RTM_NEWNSID', sys.recvBytes(fd, answer, 0));
      return readNetnsId(answer.subarray(0, bytes));
    } finally {
      sys.close(fd);
    }
  });
}

function readNetnsId(answer: Uint8Array): number {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  if (view.getUint16(NLMSGHDR.type, true) !== RTM_NEWNSID) return -1;
  const id = attributes(answer.subarray(ATTRIBUTES_AT)).get(NETNSA_NSID);
  return id ? new DataView(id.buffer, id.byteOffset).getInt32(0, true) : -1;
}
