/** TUN/TAP (linux/if_tun.h). Request numbers carry the size of their argument (asm-generic/ioctl.h). */
import type { Newer } from './newer.ts';

/** With an ifreq: makes or attaches to the TAP of that name; the flags below. */
export const TUNSETIFF = 0x400454ca;
/** With the number itself: 1 keeps the TAP when its last descriptor closes. */
export const TUNSETPERSIST = 0x400454cb;
/** With the number itself: TUN_F_ bits of what the reader takes unfinished. */
export const TUNSETOFFLOAD = 0x400454d0;
export const TUNGETFEATURES = 0x800454cf;
/** With an ifreq: the TAP's name and flags. */
export const TUNGETIFF = 0x800454d2;
export const TUNGETVNETHDRSZ = 0x800454d7;
/** With a pointer to the length, in bytes. */
export const TUNSETVNETHDRSZ = 0x400454d8;
/** With an ifreq: IFF_ATTACH_QUEUE or IFF_DETACH_QUEUE. */
export const TUNSETQUEUE = 0x400454d9;
/** With a pointer to an int: 1 for little-endian virtio-net headers. */
export const TUNSETVNETLE = 0x400454dc;
/** With the number 0: gives a descriptor of the network namespace the TAP is in. */
export const TUNGETDEVNETNS = 0x54e3;

export const IFF_TAP = 0x0002;
export const IFF_NAPI = 0x0010;
export const IFF_MULTI_QUEUE = 0x0100;
export const IFF_ATTACH_QUEUE = 0x0200;
export const IFF_DETACH_QUEUE = 0x0400;
export const IFF_PERSIST = 0x0800;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;
export const IFF_TUN_EXCL = 0x8000;

export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_TSO_ECN = 0x08;
export const TUN_F_UFO = 0x10;
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

export const NEWER: Newer = {
  TUN_F_USO4: { value: 0x20, since: '6.2', source: 'linux/if_tun.h' },
  TUN_F_USO6: { value: 0x40, since: '6.2', source: 'linux/if_tun.h' },
};
