/**
 * The control plane's side of an AF_PACKET port: makes the sockets, rings and mappings that a worker's PacketPort is then
 * given as numbers. Sockets are complete before they are bound, so no frame passes an unfinished filter or ring.
 */
import { SOCK_FILTER, BPF_JGT_K, BPF_LD_W_LEN, BPF_RET_K, SOCK_FPROG } from '../../native-bindings/abi/filter.ts';
import {
  ETH_P_ALL,
  PACKET_FANOUT,
  PACKET_FANOUT_FLAG_IGNORE_OUTGOING,
  PACKET_FANOUT_HASH,
  PACKET_IGNORE_OUTGOING,
  PACKET_QDISC_BYPASS,
  PACKET_RX_RING,
  PACKET_STATISTICS,
  PACKET_VERSION,
  TPACKET_REQ,
  TPACKET_STATS,
  TPACKET_V2,
} from '../../native-bindings/abi/if-packet.ts';
import { ENODEV } from '../../native-bindings/abi/errno.ts';
import {
  SO_ATTACH_FILTER,
  SO_SNDBUFFORCE,
  SOCKADDR_LL,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../native-bindings/abi/socket.ts';
import type { Arena, Region } from '../../native-bindings/arena.ts';
import { check, ffi, SyscallError, sys } from '../../native-bindings/syscalls.ts';
import { SUPER_FRAME_BYTES_MAX } from '../limits.ts';
import type { PortResources } from '../shared/commands.ts';
import { placeOf, type RingPlace } from './packet-ring.ts';
import { becomePromiscuous, bindTo, openPacketSocket, setInt } from './packet-socket.ts';

/** How a port's receive memory is cut: one ring for each entry, told apart by the length of the frames it takes. */
export interface RingPlan {
  slotBytes: number;
  slotsPerBlock: number;
  blockBytes: number;
  blocks: number;
}

const KIB = 1024;
/** Room in a slot before the frame: tpacket2_hdr, sockaddr_ll and virtio-net header, aligned, with some to spare. */
const SLOT_OVERHEAD_BYTES = 128;

/**
 * The rings of a port in an arena that is half taken already have half as many blocks, so that PORTS_MAX ports fit: there are
 * fewer than 128 with whole ones then, and the other half has room for 250 (docs/decisions/0014).
 */
const CROWDED = 2;

/** Frames up to a full-size one: 2,048 slots. */
const SMALL: RingPlan = { slotBytes: 2 * KIB, slotsPerBlock: 128, blockBytes: 256 * KIB, blocks: 16 };
/** Super-frames and jumbo frames: 60 slots. */
const LARGE: RingPlan = { slotBytes: 68 * KIB, slotsPerBlock: 15, blockBytes: 1024 * KIB, blocks: 4 };

/** Longest frame (without its tag) that the small ring takes. */
export const SMALL_FRAME_BYTES_MAX = SMALL.slotBytes - SLOT_OVERHEAD_BYTES;

/** Copies of a frame a socket may have under way before sends are refused, as bytes of kernel memory. */
const SEND_BUFFER_BYTES = 8 * KIB * KIB;

/**
 * Protocol of the socket that sends. It is one of its own, and nobody waits on it: the kernel wakes whoever waits on a
 * socket for each frame of it that was delivered, whatever they wait for.
 */
const RECEIVES_NOTHING = 0;

if (SUPER_FRAME_BYTES_MAX + SLOT_OVERHEAD_BYTES > LARGE.slotBytes) {
  throw new Error('a super-frame must fit a large slot');
}

export interface PacketOptions {
  /** Sends past the netdev's queueing discipline and taps: faster, but nothing shapes or sees it. */
  bypassQdisc: boolean;
  /** Asks the netdev for frames to any address: what filters by address would keep those for hosts behind the switch. */
  promiscuous: boolean;
  /** Other workers have sockets on the netdev too: each frame goes to one of them, by the hash of its flow. */
  shared: boolean;
}

type PacketResources = Extract<PortResources, { kind: 'packet' }>;

/** Sockets of a port for a worker as one life of the daemon leaves them to the next. */
export interface PacketHandover {
  plans: RingPlan[];
  /** Of the rings in the order of the plans, then of both sockets that send. */
  fds: number[];
}

/** The sockets and mappings of one port for one worker. */
export class PacketSockets {
  readonly resources: PacketResources;
  /** The rings were another process's before. */
  readonly #isResumed: boolean;
  readonly #arena: Arena;
  readonly #fds: number[];
  readonly #regions: Region[];
  #overflowed = 0;

  private constructor(
    arena: Arena,
    fds: number[],
    regions: Region[],
    { resources, isResumed }: { resources: PacketResources; isResumed: boolean },
  ) {
    this.#arena = arena;
    this.#fds = fds;
    this.#regions = regions;
    this.resources = resources;
    this.#isResumed = isResumed;
  }

  /**
   * Opens the sockets on the netdev, in the calling thread's network namespace. The kernel waits for a grace period of RCU with
   * each ring, some ms, and several ports can wait at the same time. Rejects with SyscallError.
   */
  static async open(ifindex: number, arena: Arena, options: PacketOptions): Promise<PacketSockets> {
    const fds: number[] = [];
    const regions: Region[] = [];
    try {
      const divisor = arena.isHalfFree ? 1 : CROWDED;
      const plans = [SMALL, LARGE].map((whole) => ({ ...whole, blocks: whole.blocks / divisor }));
      const ringFds = plans.map(() => openRingSocket(fds));
      for (const [k, plan] of plans.entries()) await requestRing(ringFds[k]!, plan);
      const rings = mapRings(arena, plans, ringFds, regions);
      rings.forEach(({ fd }, k) => attachLengthFilter(fd, k === 0));
      const sendFd = openSendSocket(fds, ifindex, { ...options, hasHeaders: true });
      const sendFinishedFd = openSendSocket(fds, ifindex, { ...options, hasHeaders: false });
      rings.forEach(({ fd }, k) => {
        bindTo(fd, ifindex, ETH_P_ALL);
        if (options.promiscuous) becomePromiscuous(fd, ifindex);
        if (options.shared) joinFanout(fd, ifindex, k);
      });
      const resources: PacketResources = { kind: 'packet', sendFd, sendFinishedFd, rings };
      return new PacketSockets(arena, fds, regions, { resources, isResumed: false });
    } catch (error) {
      await closeAll(arena, fds, regions);
      throw error;
    }
  }

  /**
   * Goes on with the sockets that an earlier life of the daemon opened on the netdev, and with the frames that wait in their rings; the
   * kernel has not to wait for anything. Throws SyscallError; then the descriptors are still open.
   */
  static resume(ifindex: number, arena: Arena, { plans, fds }: PacketHandover, bypassQdisc: boolean): PacketSockets {
    const regions: Region[] = [];
    try {
      const [sendFd = -1, sendFinishedFd = -1] = fds.slice(plans.length);
      for (const fd of fds) assertBoundTo(fd, ifindex);
      const rings = mapRings(arena, plans, fds, regions);
      const resources: PacketResources = { kind: 'packet', sendFd, sendFinishedFd, rings };
      const sockets = new PacketSockets(arena, fds, regions, { resources, isResumed: true });
      sockets.bypassQdisc(bypassQdisc);
      return sockets;
    } catch (error) {
      for (const region of regions) arena.release(region);
      throw error;
    }
  }

  /** What the next life of the daemon needs to resume. */
  get handover(): PacketHandover {
    const plans = this.resources.rings.map(({ geometry: { offset: _, ...plan } }) => plan);
    return { plans, fds: this.#fds };
  }

  /** Where the rings are to be read from. Before that no worker has them. */
  places(): RingPlace[] {
    if (!this.#isResumed) return [];
    return this.resources.rings.map(({ geometry }) => placeOf(this.#arena.bytes, geometry));
  }

  /** Frames lost so far because a ring was full. The kernel's counter starts anew at every reading, so it is summed here. */
  overflowed(): number {
    for (const fd of this.#fds) {
      const stats = new Uint8Array(TPACKET_STATS.size);
      if (sys.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, stats) < 0) continue;
      this.#overflowed += new DataView(stats.buffer).getUint32(TPACKET_STATS.drops, true);
    }
    return this.#overflowed;
  }

  /** Whether frames are sent past the netdev's queueing discipline, from the next one on. Throws SyscallError. */
  bypassQdisc(isOn: boolean): void {
    const { sendFd, sendFinishedFd } = this.resources;
    for (const fd of [sendFd, sendFinishedFd]) setInt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, isOn ? 1 : 0);
  }

  /** After every worker has acknowledged that it no longer uses them. */
  close(): Promise<void> {
    return closeAll(this.#arena, this.#fds, this.#regions);
  }
}

/** The kernel waits for a grace period with each socket, and for another with each ring; for several at once it does not wait longer. */
async function closeAll(arena: Arena, fds: number[], regions: Region[]): Promise<void> {
  for (const region of regions) arena.release(region);
  await Promise.all(fds.map((fd) => sys.closeWaiting(fd)));
}

/** @param fds the socket is added to those; @param options.hasHeaders whether it sends frames behind virtio-net headers */
export function openSendSocket(
  fds: number[],
  ifindex: number,
  options: { bypassQdisc: boolean; hasHeaders: boolean },
): number {
  const fd = openPacketSocket(fds, options.hasHeaders);
  setInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
  if (options.bypassQdisc) setInt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
  bindTo(fd, ifindex, RECEIVES_NOTHING);
  return fd;
}

/** Asks a netdev for frames to any address, until `close`. */
export function listenToAll(ifindex: number): { close(): void } {
  const fds: number[] = [];
  try {
    becomePromiscuous(openPacketSocket(fds, false), ifindex);
  } catch (error) {
    for (const fd of fds) sys.close(fd);
    throw error;
  }
  return { close: () => fds.forEach((fd) => sys.close(fd)) };
}

function mapRings(arena: Arena, plans: RingPlan[], fds: number[], regions: Region[]): PacketResources['rings'] {
  return plans.map((plan, k) => {
    const fd = fds[k]!;
    const region = arena.map(plan.blockBytes * plan.blocks, fd);
    regions.push(region);
    return { fd, geometry: { ...plan, offset: region.offset } };
  });
}

/** The kernel lets go of a socket when its netdev leaves. */
function assertBoundTo(fd: number, ifindex: number): void {
  const address = new Uint8Array(SOCKADDR_LL.size);
  check('getsockname', sys.getsockname(fd, address));
  if (new DataView(address.buffer).getInt32(SOCKADDR_LL.ifindex, true) === ifindex) return;
  throw new SyscallError('getsockname', ENODEV);
}

function openRingSocket(fds: number[]): number {
  const fd = openPacketSocket(fds, true);
  setInt(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
  setInt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  return fd;
}

async function requestRing(fd: number, plan: RingPlan): Promise<void> {
  const request = new DataView(new ArrayBuffer(TPACKET_REQ.size));
  request.setUint32(TPACKET_REQ.blockSize, plan.blockBytes, true);
  request.setUint32(TPACKET_REQ.blockNr, plan.blocks, true);
  request.setUint32(TPACKET_REQ.frameSize, plan.slotBytes, true);
  request.setUint32(TPACKET_REQ.frameNr, plan.blocks * plan.slotsPerBlock, true);
  const bytes = new Uint8Array(request.buffer);
  check('setsockopt(PACKET_RX_RING)', await sys.setsockoptWaiting(fd, SOL_PACKET, PACKET_RX_RING, bytes));
}

/** Classic BPF: takes the frames that are short enough for the small ring, or all the others. */
function attachLengthFilter(fd: number, isSmall: boolean): void {
  const all = 0xffffffff;
  const instructions = [
    [BPF_LD_W_LEN, 0, 0, 0],
    [BPF_JGT_K, 0, 1, SMALL_FRAME_BYTES_MAX],
    [BPF_RET_K, 0, 0, isSmall ? 0 : all],
    [BPF_RET_K, 0, 0, isSmall ? all : 0],
  ];
  const code = new DataView(new ArrayBuffer(instructions.length * SOCK_FILTER.size));
  instructions.forEach(([op, jt, jf, k], i) => {
    code.setUint16(i * SOCK_FILTER.size + SOCK_FILTER.code, op!, true);
    code.setUint8(i * SOCK_FILTER.size + SOCK_FILTER.jt, jt!);
    code.setUint8(i * SOCK_FILTER.size + SOCK_FILTER.jf, jf!);
    code.setUint32(i * SOCK_FILTER.size + SOCK_FILTER.k, k!, true);
  });
  const program = new DataView(new ArrayBuffer(SOCK_FPROG.size));
  program.setUint16(SOCK_FPROG.len, instructions.length, true);
  const codeBytes = new Uint8Array(code.buffer);
  program.setBigUint64(SOCK_FPROG.filter, BigInt(ffi.addressOf(codeBytes)), true);
  check(
    'setsockopt(SO_ATTACH_FILTER)',
    sys.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(program.buffer)),
  );
}

/**
 * Shares the netdev's frames with the same ring of the other workers. A group is known by 16 bits in its network namespace,
 * and has a setting of its own for outgoing frames.
 */
function joinFanout(fd: number, ifindex: number, ring: number): void {
  const group = (2 * ifindex + ring) & 0xffff;
  const type = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
  setInt(fd, SOL_PACKET, PACKET_FANOUT, group | (type << 16));
}
