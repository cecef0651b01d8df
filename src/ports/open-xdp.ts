/**
 * The control plane's side of an AF_XDP port: makes the sockets, rings and the memory for frames (UMEM) that a worker's XdpPort
 * is then given as numbers. All queues that one worker has of a netdev share one UMEM. Sockets are complete before they are
 * bound, and receive nothing before the port's XDP program is told of them.
 */
import {
  SOCKADDR_XDP,
  XDP_COPY,
  XDP_DESC,
  XDP_MAX_TX_SKB_BUDGET,
  XDP_MMAP_OFFSETS,
  XDP_MMAP_OFFSETS_STRUCT,
  XDP_PACKET_HEADROOM,
  XDP_PGOFF_RX_RING,
  XDP_PGOFF_TX_RING,
  XDP_RING_OFFSET,
  XDP_RX_RING,
  XDP_SHARED_UMEM,
  XDP_STATISTICS,
  XDP_STATISTICS_STRUCT,
  XDP_TX_RING,
  XDP_UMEM_COMPLETION_RING,
  XDP_UMEM_FILL_RING,
  XDP_UMEM_PGOFF_COMPLETION_RING,
  XDP_UMEM_PGOFF_FILL_RING,
  XDP_UMEM_REG,
  XDP_UMEM_REG_STRUCT,
  XDP_USE_NEED_WAKEUP,
  XDP_USE_SG,
} from '../../native-bindings/abi/if-xdp.ts';
import {
  AF_XDP,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  SOL_XDP,
} from '../../native-bindings/abi/socket.ts';
import type { Arena, Region } from '../../native-bindings/arena.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import type { PortResources, XdpRing, XdpSend } from '../shared/commands.ts';
import { openSendSocket } from './open-packet.ts';
import { XDP_CHUNK_BYTES } from './xdp-sender.ts';

/** Chunks of a receive queue: frames that may wait for the worker. */
const RECEIVE_CHUNKS = 2048;
/** Chunks that frames are sent from: those that may be under way. */
const SEND_CHUNKS = 1024;
/** For a ring that has to be there, and is not used. */
const UNUSED_ENTRIES = 1;
/** Entry of a fill or completion ring: a 64-bit address. */
const ADDRESS_BYTES = 8;
/** Frames under way before sends are refused, as bytes of kernel memory. */
const SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Longest frame that lies in one chunk when it is received. */
export const XDP_ONE_CHUNK_FRAME_BYTES_MAX = XDP_CHUNK_BYTES - XDP_PACKET_HEADROOM;

/** What one worker has of a netdev's queues. */
export interface XdpShare {
  /** Queues it receives from. */
  receives: number[];
  /** The queue it sends by; null: a packet socket. */
  sends: number | null;
}

type RingKind = keyof Omit<typeof XDP_MMAP_OFFSETS_STRUCT, 'size'>;
const RINGS: Record<RingKind, { option: number; from: number; entryBytes: number }> = {
  rx: { option: XDP_RX_RING, from: XDP_PGOFF_RX_RING, entryBytes: XDP_DESC.size },
  tx: { option: XDP_TX_RING, from: XDP_PGOFF_TX_RING, entryBytes: XDP_DESC.size },
  fr: { option: XDP_UMEM_FILL_RING, from: XDP_UMEM_PGOFF_FILL_RING, entryBytes: ADDRESS_BYTES },
  cr: { option: XDP_UMEM_COMPLETION_RING, from: XDP_UMEM_PGOFF_COMPLETION_RING, entryBytes: ADDRESS_BYTES },
};

/** The sockets and memory of one port for one worker. */
export class XdpSockets {
  readonly #arena: Arena;
  readonly #ifindex: number;
  readonly #fds: number[] = [];
  readonly #regions: Region[] = [];
  readonly #umem: Region;
  /** The socket that registered the UMEM and is bound; -1: none yet. */
  #umemFd = -1;
  /** Chunks of the UMEM that are given to a ring. */
  #chunks = 0;
  readonly #receivers: { queue: number; fd: number; received: XdpRing; fill: XdpRing }[] = [];
  #send: XdpSend | null = null;
  #overflowed = 0;

  private constructor(ifindex: number, arena: Arena, share: XdpShare) {
    this.#ifindex = ifindex;
    this.#arena = arena;
    const chunks = share.receives.length * RECEIVE_CHUNKS + (share.sends === null ? 0 : SEND_CHUNKS);
    this.#umem = arena.allocateShared(Math.max(1, chunks) * XDP_CHUNK_BYTES);
    this.#regions.push(this.#umem);
  }

  /** Opens the sockets on the netdev, in the calling thread's network namespace. Throws SyscallError. */
  static open(ifindex: number, arena: Arena, share: XdpShare): XdpSockets {
    const sockets = new XdpSockets(ifindex, arena, share);
    try {
      sockets.#open(share);
      return sockets;
    } catch (error) {
      sockets.close();
      throw error;
    }
  }

  get resources(): PortResources {
    const queues = this.#receivers.map(({ fd, received, fill }) => ({ fd, received, fill }));
    return { kind: 'xdp', umem: this.#umem.offset, queues, send: this.#send! };
  }

  /** Each receive queue's socket, for the XDP program. */
  get receivers(): readonly { queue: number; fd: number }[] {
    return this.#receivers;
  }

  /** Frames lost so far for want of a chunk or of room in the receive ring; kept once the netdev is gone. */
  overflowed(): number {
    let lost = 0;
    for (const { fd } of this.#receivers) {
      const bytes = new Uint8Array(XDP_STATISTICS_STRUCT.size);
      if (sys.getsockopt(fd, SOL_XDP, XDP_STATISTICS, bytes) < 0) return this.#overflowed;
      const statistics = new DataView(bytes.buffer);
      // A frame that found no chunk counts as dropped already, so empty fill rings are not added.
      lost += Number(statistics.getBigUint64(XDP_STATISTICS_STRUCT.rxDropped, true));
      lost += Number(statistics.getBigUint64(XDP_STATISTICS_STRUCT.rxRingFull, true));
    }
    return (this.#overflowed = lost);
  }

  /** After every worker has acknowledged that it no longer uses them. */
  close(): void {
    for (const fd of this.#fds) sys.close(fd);
    for (const region of this.#regions) this.#arena.release(region);
  }

  #open({ receives, sends }: XdpShare): void {
    for (const queue of receives) {
      const fd = this.#openSocket();
      const offsets = this.#beginQueue(fd, RECEIVE_CHUNKS, queue === sends ? SEND_CHUNKS : UNUSED_ENTRIES);
      const received = this.#mapRing(fd, offsets, 'rx', RECEIVE_CHUNKS);
      const fill = this.#mapRing(fd, offsets, 'fr', RECEIVE_CHUNKS);
      this.#fill(fill);
      const completed = queue === sends ? this.#mapRing(fd, offsets, 'cr', SEND_CHUNKS) : null;
      this.#bind(fd, queue);
      this.#receivers.push({ queue, fd, received, fill });
      // A socket of its own, that nobody waits on: whoever waits on a socket is woken for each frame of it that was sent.
      if (completed) this.#send = this.#openSender(this.#openSocket(), queue, completed);
    }
    if (sends !== null && !this.#send) {
      const fd = this.#openSocket();
      const offsets = this.#beginQueue(fd, UNUSED_ENTRIES, SEND_CHUNKS);
      this.#send = this.#openSender(fd, sends, this.#mapRing(fd, offsets, 'cr', SEND_CHUNKS));
    }
    if (!this.#send) {
      const sendFd = openSendSocket(this.#fds, this.#ifindex, { bypassQdisc: true, hasHeaders: true });
      this.#send = { kind: 'packet', sendFd };
    }
  }

  #openSocket(): number {
    const fd = check('socket(AF_XDP)', sys.socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    this.#fds.push(fd);
    return fd;
  }

  /** Makes the two rings that every queue has, and registers the UMEM if no socket has yet. */
  #beginQueue(fd: number, fillEntries: number, completionEntries: number): DataView {
    if (this.#umemFd < 0) this.#registerUmem(fd);
    setRing(fd, 'fr', fillEntries);
    setRing(fd, 'cr', completionEntries);
    return mmapOffsets(fd);
  }

  #registerUmem(fd: number): void {
    const request = new DataView(new ArrayBuffer(XDP_UMEM_REG_STRUCT.size));
    request.setBigUint64(XDP_UMEM_REG_STRUCT.addr, BigInt(this.#arena.address + this.#umem.offset), true);
    request.setBigUint64(XDP_UMEM_REG_STRUCT.len, BigInt(this.#umem.length), true);
    request.setUint32(XDP_UMEM_REG_STRUCT.chunkSize, XDP_CHUNK_BYTES, true);
    const bytes = new Uint8Array(request.buffer);
    check('setsockopt(XDP_UMEM_REG)', sys.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, bytes));
  }

  /** A socket that sends by a queue whose completion ring is there. */
  #openSender(fd: number, queue: number, completed: XdpRing): XdpSend {
    setRing(fd, 'tx', SEND_CHUNKS);
    const sent = this.#mapRing(fd, mmapOffsets(fd), 'tx', SEND_CHUNKS);
    const view = this.#view(sent.entries, SEND_CHUNKS * XDP_DESC.size);
    for (let k = 0; k < SEND_CHUNKS; k++) view.setUint32(k * XDP_DESC.size + XDP_DESC.addr, this.#nextChunk(), true);
    check('setsockopt(SO_SNDBUFFORCE)', setInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES));
    // Before Linux 6.17, a send takes 32 frames at most.
    setInt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, SEND_CHUNKS);
    this.#bind(fd, queue);
    return { kind: 'ring', fd, sent, completed };
  }

  /** Gives the kernel as many chunks as the ring holds. */
  #fill(ring: XdpRing): void {
    const view = this.#view(ring.entries, ring.size * ADDRESS_BYTES);
    for (let k = 0; k < ring.size; k++) view.setUint32(k * ADDRESS_BYTES, this.#nextChunk(), true);
    Atomics.store(new Int32Array(this.#arena.sab), ring.producer >>> 2, ring.size);
  }

  /** Address in the UMEM of a chunk that no ring has yet. */
  #nextChunk(): number {
    return this.#chunks++ * XDP_CHUNK_BYTES;
  }

  #mapRing(fd: number, offsets: DataView, kind: RingKind, size: number): XdpRing {
    if (kind === 'rx') setRing(fd, kind, size);
    const { from, entryBytes } = RINGS[kind];
    const at = XDP_MMAP_OFFSETS_STRUCT[kind];
    const offsetOf = (field: number): number => Number(offsets.getBigUint64(at + field, true));
    const desc = offsetOf(XDP_RING_OFFSET.desc);
    const region = this.#arena.map(this.#arena.wholePages(desc + size * entryBytes), fd, { from, part: 'control' });
    this.#regions.push(region);
    return {
      producer: region.offset + offsetOf(XDP_RING_OFFSET.producer),
      consumer: region.offset + offsetOf(XDP_RING_OFFSET.consumer),
      entries: region.offset + desc,
      size,
    };
  }

  #bind(fd: number, queue: number): void {
    const address = new DataView(new ArrayBuffer(SOCKADDR_XDP.size));
    address.setUint16(SOCKADDR_XDP.family, AF_XDP, true);
    address.setUint16(
      SOCKADDR_XDP.flags,
      this.#umemFd < 0 ? XDP_COPY | XDP_USE_NEED_WAKEUP | XDP_USE_SG : XDP_SHARED_UMEM,
      true,
    );
    address.setUint32(SOCKADDR_XDP.ifindex, this.#ifindex, true);
    address.setUint32(SOCKADDR_XDP.queueId, queue, true);
    if (this.#umemFd >= 0) address.setUint32(SOCKADDR_XDP.sharedUmemFd, this.#umemFd, true);
    check('bind(AF_XDP)', sys.bind(fd, new Uint8Array(address.buffer), SOCKADDR_XDP.size));
    if (this.#umemFd < 0) this.#umemFd = fd;
  }

  #view(offset: number, bytes: number): DataView {
    return new DataView(this.#arena.sab, offset, bytes);
  }
}

function setRing(fd: number, kind: RingKind, entries: number): void {
  check(`setsockopt(XDP ring ${kind})`, setInt(fd, SOL_XDP, RINGS[kind].option, entries));
}

function mmapOffsets(fd: number): DataView {
  const bytes = new Uint8Array(XDP_MMAP_OFFSETS_STRUCT.size);
  check('getsockopt(XDP_MMAP_OFFSETS)', sys.getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, bytes));
  return new DataView(bytes.buffer);
}

/** @returns 0 or -errno */
function setInt(fd: number, level: number, name: number, value: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return sys.setsockopt(fd, level, name, bytes);
}
