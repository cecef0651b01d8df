/**
 * The kernel's messages about netdevs (rtnetlink(7)): asking for one, and reading what comes back or is announced. Small and
 * synchronous: the kernel has the answer ready when the question is sent, so that reading a netdev costs microseconds where
 * a run of `ip` costs milliseconds.
 */
import { ENODEV } from '../../../native-bindings/abi/errno.ts';
import {
  IFINFOMSG,
  IFLA_ADDRESS,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_MTU,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_QDISC,
  NETLINK_ROUTE,
  NLMSGHDR,
  NLMSG_ALIGNTO,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  RTATTR,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
  SOCKADDR_NL,
} from '../../../native-bindings/abi/netlink.ts';
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from '../../../native-bindings/abi/socket.ts';
import { SyscallError, check, sys } from '../../../native-bindings/syscalls.ts';

/** The kernel sends no longer message unless the reader shows a bigger buffer (net/netlink/af_netlink.c). */
export const LINK_MESSAGE_BYTES_MAX = 32_768;

/** Attributes (linux/if_link.h): IFLA_LINKINFO holds attributes of its own, of which IFLA_INFO_KIND is one. */
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;

/** struct nlmsgerr, behind the nlmsghdr: -errno (0: done), and the message that is answered. */
const NLMSGERR = { error: 16, request: 20 } as const;
const NOTHING = new Uint8Array(0);
const LINK_HEADER_BYTES = NLMSGHDR.size + IFINFOMSG.size;

/** One netdev as the kernel describes it. */
export interface LinkMessage {
  readonly index: number;
  /** IFF_ bits (abi/ioctl.ts), IFF_LOWER_UP among them. */
  readonly flags: number;
  /** The netdev was deleted, left this namespace, or was never there. */
  readonly gone: boolean;
  /** The whole message, for `linkAttribute`. */
  readonly bytes: Uint8Array;
}

/** A non-blocking netlink socket in the namespace the main thread is in, which hears announcements for `groups`. */
export function openLinkSocket(groups: number): number {
  const fd = check('socket AF_NETLINK', sys.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  const address = new Uint8Array(SOCKADDR_NL.size);
  const view = new DataView(address.buffer);
  view.setUint16(SOCKADDR_NL.family, AF_NETLINK, true);
  view.setUint32(SOCKADDR_NL.groups, groups, true);
  const bound = sys.bind(fd, address, address.length);
  if (bound < 0) {
    sys.close(fd);
    throw new SyscallError('bind AF_NETLINK', -bound);
  }
  return fd;
}

/** Asks for one netdev, by its name or index. The answer is a message, with `gone` set where there is none. */
export function askForLink(fd: number, link: string | number): void {
  const message =
    typeof link === 'string'
      ? linkRequest(RTM_GETLINK, 0, 0, { type: IFLA_IFNAME, text: `${link}\0` })
      : linkRequest(RTM_GETLINK, 0, link);
  check('send RTM_GETLINK', sys.sendBytes(fd, message, 0));
}

/** Asks for all netdevs. The answers are many messages, up to one of type NLMSG_DONE (`isLastOfMany`). */
export function askForAllLinks(fd: number): void {
  check('send RTM_GETLINK', sys.sendBytes(fd, linkRequest(RTM_GETLINK, NLM_F_DUMP, 0), 0));
}

/** Gives a netdev another alias. The answer is no message where that is done, one with `gone` set where there is no such netdev. */
export function sendAlias(fd: number, index: number, alias: string): void {
  const message = linkRequest(RTM_SETLINK, NLM_F_ACK, index, { type: IFLA_IFALIAS, text: alias });
  check('send RTM_SETLINK', sys.sendBytes(fd, message, 0));
}

/** Whether a datagram ends the answers to `askForAllLinks`: one of its messages, the last, is NLMSG_DONE. */
export function isLastOfMany(datagram: Uint8Array, length: number): boolean {
  const view = new DataView(datagram.buffer, datagram.byteOffset, length);
  for (let at = 0; at + NLMSGHDR.size <= length;) {
    if (view.getUint16(at + NLMSGHDR.type, true) === NLMSG_DONE) return true;
    const bytes = view.getUint32(at + NLMSGHDR.len, true);
    if (bytes < NLMSGHDR.size) break;
    at += align(bytes);
  }
  return false;
}

/** A request about a netdev, with one attribute or none. */
function linkRequest(
  type: number,
  flags: number,
  index: number,
  attribute?: { type: number; text: string },
): Uint8Array {
  const value = new TextEncoder().encode(attribute?.text ?? '');
  const attributeBytes = attribute ? RTATTR.size + value.length : 0;
  const message = new Uint8Array(LINK_HEADER_BYTES + align(attributeBytes));
  const view = new DataView(message.buffer);
  view.setUint32(NLMSGHDR.len, message.length, true);
  view.setUint16(NLMSGHDR.type, type, true);
  view.setUint16(NLMSGHDR.flags, NLM_F_REQUEST | flags, true);
  view.setInt32(NLMSGHDR.size + IFINFOMSG.index, index, true);
  if (attribute) {
    view.setUint16(LINK_HEADER_BYTES + RTATTR.len, attributeBytes, true);
    view.setUint16(LINK_HEADER_BYTES + RTATTR.type, attribute.type, true);
    message.set(value, LINK_HEADER_BYTES + RTATTR.size);
  }
  return message;
}

/** The netdevs that one datagram of `length` bytes tells of. Throws SyscallError for a question that was refused. */
export function readLinkMessages(datagram: Uint8Array, length: number): LinkMessage[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, length);
  const messages: LinkMessage[] = [];
  for (let at = 0; at + NLMSGHDR.size <= length;) {
    const bytes = view.getUint32(at + NLMSGHDR.len, true);
    if (bytes < NLMSGHDR.size || at + bytes > length) break;
    const message = readLinkMessage(datagram.subarray(at, at + bytes));
    if (message) messages.push(message);
    at += align(bytes);
  }
  return messages;
}

function readLinkMessage(bytes: Uint8Array): LinkMessage | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(NLMSGHDR.type, true);
  if (type === NLMSG_ERROR) {
    const errno = -view.getInt32(NLMSGERR.error, true);
    if (errno === 0) return null;
    if (errno !== ENODEV) throw new SyscallError('netlink about a netdev', errno);
    return {
      index: view.getInt32(NLMSGERR.request + NLMSGHDR.size + IFINFOMSG.index, true),
      flags: 0,
      gone: true,
      bytes,
    };
  }
  if (type !== RTM_NEWLINK && type !== RTM_DELLINK) return null;
  // A netdev that leaves a bridge is announced as deleted too, but by the bridge's family: it lives on.
  if (bytes.length < LINK_HEADER_BYTES || view.getUint8(NLMSGHDR.size + IFINFOMSG.family) !== 0) return null;
  return {
    index: view.getInt32(NLMSGHDR.size + IFINFOMSG.index, true),
    flags: view.getUint32(NLMSGHDR.size + IFINFOMSG.flags, true),
    gone: type === RTM_DELLINK,
    bytes,
  };
}

export interface LinkAttributes {
  name: string;
  /** Lower case with colons. */
  mac: string;
  mtu: number;
  alias: string | null;
  /** The driver's word for it, such as `veth`; null for hardware and loopback. */
  kind: string | null;
  /** The netdev that it is tied to, such as a veth's other end; `netnsId`: the number here of the namespace that has it. */
  link: { index: number; netnsId: number | null } | null;
  /** Kind of its root queueing discipline, such as `noqueue`. */
  qdisc: string;
  /** Queues that the driver has room for; not all of them need be in use. */
  queues: { receive: number; send: number };
}

/** What a message says besides; all of it is there where the message is not of a netdev gone. */
export function linkAttributes(message: LinkMessage): LinkAttributes {
  const all = attributes(message.bytes.subarray(LINK_HEADER_BYTES));
  const number = (type: number): number => {
    const value = all.get(type);
    return value ? new DataView(value.buffer, value.byteOffset).getUint32(0, true) : 0;
  };
  const optional = (type: number): number | null => (all.has(type) ? number(type) : null);
  const alias = all.get(IFLA_IFALIAS);
  const kind = attributes(all.get(IFLA_LINKINFO) ?? NOTHING).get(IFLA_INFO_KIND);
  return {
    name: text(all.get(IFLA_IFNAME) ?? NOTHING),
    mac: Array.from(all.get(IFLA_ADDRESS) ?? NOTHING, (byte) => byte.toString(16).padStart(2, '0')).join(':'),
    mtu: number(IFLA_MTU),
    alias: alias ? text(alias) : null,
    kind: kind ? text(kind) : null,
    link: all.has(IFLA_LINK) ? { index: number(IFLA_LINK), netnsId: optional(IFLA_LINK_NETNSID) } : null,
    qdisc: text(all.get(IFLA_QDISC) ?? NOTHING),
    queues: { receive: number(IFLA_NUM_RX_QUEUES), send: number(IFLA_NUM_TX_QUEUES) },
  };
}

/** By type. */
export function attributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + RTATTR.size <= bytes.length;) {
    const length = view.getUint16(at + RTATTR.len, true);
    if (length < RTATTR.size || at + length > bytes.length) break;
    found.set(view.getUint16(at + RTATTR.type, true), bytes.subarray(at + RTATTR.size, at + length));
    at += align(length);
  }
  return found;
}

function text(value: Uint8Array): string {
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}

function align(bytes: number): number {
  return (bytes + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1);
}
