/** AF_XDP sockets, their memory (UMEM) and rings (linux/if_xdp.h). */
import type { Newer } from './newer.ts';

/** Options of SOL_XDP. */
export const XDP_MMAP_OFFSETS = 1;
export const XDP_RX_RING = 2;
export const XDP_TX_RING = 3;
export const XDP_UMEM_REG = 4;
export const XDP_UMEM_FILL_RING = 5;
export const XDP_UMEM_COMPLETION_RING = 6;
export const XDP_STATISTICS = 7;
export const XDP_MAX_TX_SKB_BUDGET = 9;

/** For sockaddr_xdp.flags. A socket that shares another's UMEM gives no other flag: it gets that one's. */
export const XDP_SHARED_UMEM = 1;
export const XDP_COPY = 2;
export const XDP_USE_NEED_WAKEUP = 8;
export const XDP_USE_SG = 16;

/** Bit of a descriptor's options: the frame goes on in the next descriptor. */
export const XDP_PKT_CONTD = 1;

/** Room the kernel leaves in a chunk before a received frame (linux/bpf.h). */
export const XDP_PACKET_HEADROOM = 256;

/** Where a socket's rings are mapped from. */
export const XDP_PGOFF_RX_RING = 0;
export const XDP_PGOFF_TX_RING = 0x80000000;
export const XDP_UMEM_PGOFF_FILL_RING = 0x100000000;
export const XDP_UMEM_PGOFF_COMPLETION_RING = 0x180000000;

/** struct sockaddr_xdp */
export const SOCKADDR_XDP = { family: 0, flags: 2, ifindex: 4, queueId: 8, sharedUmemFd: 12, size: 16 } as const;

/** struct xdp_umem_reg as Linux 6.1 has it; later ones have more fields behind, which stay zero. */
export const XDP_UMEM_REG_STRUCT = { addr: 0, len: 8, chunkSize: 16, headroom: 20, flags: 24, size: 32 } as const;

/** struct xdp_ring_offset: where in a ring's mapping its words and its first entry are. */
export const XDP_RING_OFFSET = { producer: 0, consumer: 8, desc: 16, flags: 24, size: 32 } as const;

/** struct xdp_mmap_offsets: an xdp_ring_offset per kind of ring, for fill and completion rings `fr` and `cr`. */
export const XDP_MMAP_OFFSETS_STRUCT = { rx: 0, tx: 32, fr: 64, cr: 96, size: 128 } as const;

/** struct xdp_desc: an entry of a receive or transmit ring. Those of fill and completion rings are one 64-bit address. */
export const XDP_DESC = { addr: 0, len: 8, options: 12, size: 16 } as const;

/** struct xdp_statistics: 64-bit counts since the socket was made. */
export const XDP_STATISTICS_STRUCT = {
  rxDropped: 0,
  rxInvalidDescs: 8,
  txInvalidDescs: 16,
  rxRingFull: 24,
  rxFillRingEmptyDescs: 32,
  txRingEmptyDescs: 40,
  size: 48,
} as const;

export const NEWER: Newer = {
  XDP_USE_SG: { value: 16, since: '6.6', source: 'linux/if_xdp.h' },
  XDP_PKT_CONTD: { value: 1, since: '6.6', source: 'linux/if_xdp.h' },
  XDP_MAX_TX_SKB_BUDGET: { value: 9, since: '6.17', source: 'linux/if_xdp.h' },
};
