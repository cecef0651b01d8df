/**
 * Sockets (bits/socket.h, asm-generic/socket.h, linux/if_packet.h for sockaddr_ll). Offsets are those of 64-bit
 * machines, the same on x86_64 and arm64.
 */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const AF_XDP = 44;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const SOL_SOCKET = 1;
export const SOL_PACKET = 263;
export const SOL_NETLINK = 270;
export const SOL_XDP = 283;

export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x40000000;

/** Type of a control message that carries descriptors, of level SOL_SOCKET. */
export const SCM_RIGHTS = 1;

/** struct iovec */
export const IOVEC = { base: 0, len: 8, size: 16 } as const;

/** struct msghdr */
export const MSGHDR = {
  name: 0,
  namelen: 8,
  iov: 16,
  iovlen: 24,
  control: 32,
  controllen: 40,
  flags: 48,
  size: 56,
} as const;

/** struct cmsghdr; the data of a control message begins at `size`. */
export const CMSGHDR = { len: 0, level: 8, type: 12, size: 16 } as const;

/** struct mmsghdr: a msghdr, its fields named as there, and in `len` the bytes that were sent or received. */
export const MMSGHDR = {
  name: 0,
  namelen: 8,
  iov: 16,
  iovlen: 24,
  control: 32,
  controllen: 40,
  flags: 48,
  len: 56,
  size: 64,
} as const;

/** struct sockaddr_ll */
export const SOCKADDR_LL = {
  family: 0,
  protocol: 2,
  ifindex: 4,
  hatype: 8,
  pkttype: 10,
  halen: 11,
  addr: 12,
  size: 20,
} as const;
