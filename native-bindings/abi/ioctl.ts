/** Requests about netdevs, for any socket of their namespace (linux/sockios.h), and struct ifreq (linux/if.h). */
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFMTU = 0x8921;
export const SIOCSIFMTU = 0x8922;
export const SIOCGIFHWADDR = 0x8927;
export const SIOCGIFINDEX = 0x8933;
export const SIOCETHTOOL = 0x8946;

export const IFNAMSIZ = 16;

/** Flags of a netdev. IFF_LOWER_UP (carrier) does not fit the 16 bits of ifreq.flags: only netlink shows it. */
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_LOOPBACK = 0x8;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_PROMISC = 0x100;
export const IFF_MULTICAST = 0x1000;
export const IFF_LOWER_UP = 0x10000;

/** struct ifreq: a name, and behind it one of the others (a union). `hwaddr` is a sockaddr: 2 bytes type, then the MAC. */
export const IFREQ = { name: 0, flags: 16, ifindex: 16, mtu: 16, hwaddr: 16, data: 16, size: 40 } as const;
