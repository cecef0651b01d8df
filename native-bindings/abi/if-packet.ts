/** Packet sockets and their rings, version 2 (linux/if_packet.h; ETH_P_ALL from linux/if_ether.h). */
import type { Newer } from './newer.ts';

/** Every protocol; in network byte order where a socket or an address takes it. */
export const ETH_P_ALL = 0x0003;

/** Options of SOL_PACKET. */
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_RX_RING = 5;
export const PACKET_STATISTICS = 6;
export const PACKET_COPY_THRESH = 7;
export const PACKET_AUXDATA = 8;
export const PACKET_VERSION = 10;
export const PACKET_RESERVE = 12;
export const PACKET_TX_RING = 13;
export const PACKET_VNET_HDR = 15;
export const PACKET_TIMESTAMP = 17;
export const PACKET_FANOUT = 18;
export const PACKET_QDISC_BYPASS = 20;
export const PACKET_IGNORE_OUTGOING = 23;
export const PACKET_VNET_HDR_SZ = 24;

/** For PACKET_ADD_MEMBERSHIP. */
export const PACKET_MR_PROMISC = 1;

/** For PACKET_FANOUT: the type and its flags, in the upper half of the value. */
export const PACKET_FANOUT_HASH = 0;
export const PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000;
export const PACKET_FANOUT_FLAG_DEFRAG = 0x8000;

/** For PACKET_VERSION. */
export const TPACKET_V2 = 1;

/** Kinds of frames in sockaddr_ll. */
export const PACKET_HOST = 0;
export const PACKET_OUTGOING = 4;

/** Bits of tpacket2_hdr.status on the receive side. */
export const TP_STATUS_KERNEL = 0;
export const TP_STATUS_USER = 0x01;
export const TP_STATUS_COPY = 0x02;
export const TP_STATUS_LOSING = 0x04;
export const TP_STATUS_CSUMNOTREADY = 0x08;
export const TP_STATUS_VLAN_VALID = 0x10;
export const TP_STATUS_VLAN_TPID_VALID = 0x40;
export const TP_STATUS_CSUM_VALID = 0x80;

/** Slots start at, and their fields are laid out in, multiples of this many bytes. */
export const TPACKET_ALIGNMENT = 16;

/** struct tpacket2_hdr, which starts a slot. `mac` and `net` count from the slot's first byte. */
export const TPACKET2_HDR = {
  status: 0,
  len: 4,
  snaplen: 8,
  mac: 12,
  net: 14,
  sec: 16,
  nsec: 20,
  vlanTci: 24,
  vlanTpid: 26,
  size: 32,
} as const;

/** struct tpacket_req, for PACKET_RX_RING and PACKET_TX_RING */
export const TPACKET_REQ = { blockSize: 0, blockNr: 4, frameSize: 8, frameNr: 12, size: 16 } as const;

/** struct tpacket_stats, from PACKET_STATISTICS; reading it sets it to 0, and `packets` counts the drops too. */
export const TPACKET_STATS = { packets: 0, drops: 4, size: 8 } as const;

/** struct tpacket_auxdata: what a control message of type PACKET_AUXDATA says of a frame. */
export const TPACKET_AUXDATA = { status: 0, vlanTci: 16, vlanTpid: 18, size: 20 } as const;

/** struct packet_mreq, for PACKET_ADD_MEMBERSHIP */
export const PACKET_MREQ = { ifindex: 0, type: 4, alen: 6, address: 8, size: 16 } as const;

export const NEWER: Newer = {
  PACKET_FANOUT_FLAG_IGNORE_OUTGOING: { value: 0x4000, since: '6.2', source: 'linux/if_packet.h' },
  PACKET_VNET_HDR_SZ: { value: 24, since: '6.4', source: 'linux/if_packet.h' },
};
