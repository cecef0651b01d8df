/**
 * Netlink messages about links and namespaces (linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/net_namespace.h), in
 * the machine's byte order.
 */
export const NETLINK_ROUTE = 0;
/** Bit of sockaddr_nl.groups. */
export const RTMGRP_LINK = 1;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const RTM_NEWNSID = 88;
export const RTM_GETNSID = 90;

export const NLM_F_REQUEST = 0x001;
/** An answer is wanted also where there is nothing to tell. */
export const NLM_F_ACK = 0x004;
export const NLM_F_DUMP = 0x300;

/** Messages and attributes start at multiples of this many bytes. */
export const NLMSG_ALIGNTO = 4;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
/** Of one end of a pair: index of the other, in its namespace. */
export const IFLA_LINK = 5;
/** Kind of the root queueing discipline. */
export const IFLA_QDISC = 6;
export const IFLA_IFALIAS = 20;
export const IFLA_NUM_TX_QUEUES = 31;
export const IFLA_NUM_RX_QUEUES = 32;
export const IFLA_LINK_NETNSID = 37;

export const NETNSA_NSID = 1;
export const NETNSA_FD = 3;

/** struct sockaddr_nl */
export const SOCKADDR_NL = { family: 0, pad: 2, pid: 4, groups: 8, size: 12 } as const;

/** struct nlmsghdr; `len` includes it. */
export const NLMSGHDR = { len: 0, type: 4, flags: 6, seq: 8, pid: 12, size: 16 } as const;

/** struct ifinfomsg, behind the nlmsghdr of messages about links; attributes follow. */
export const IFINFOMSG = { family: 0, type: 2, index: 4, flags: 8, change: 12, size: 16 } as const;

/** struct rtattr; `len` includes it, without the padding behind the value. */
export const RTATTR = { len: 0, type: 2, size: 4 } as const;
