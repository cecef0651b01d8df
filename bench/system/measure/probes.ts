/**
 * Probe frames among the load, and how long each takes to the receiving host. Sender and receiver are one process, so there is
 * one clock and no program that would have to be woken: the moment of sending is read right before sendmmsg, the moment of
 * arrival is the kernel's, which stamps the frame when the host's interface hands it to a packet ring. A filter in the
 * kernel keeps the load out of that ring.
 */
import { BPF_JEQ_K, BPF_LD_H_ABS, BPF_RET_K, SOCK_FILTER, SOCK_FPROG } from '../../../native-bindings/abi/filter.ts';
import {
  ETH_P_ALL,
  PACKET_RX_RING,
  PACKET_VERSION,
  TP_STATUS_KERNEL,
  TP_STATUS_USER,
  TPACKET2_HDR,
  TPACKET_REQ,
  TPACKET_V2,
} from '../../../native-bindings/abi/if-packet.ts';
import {
  AF_PACKET,
  SO_ATTACH_FILTER,
  SOCK_RAW,
  SOCKADDR_LL,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../../native-bindings/abi/socket.ts';
import { CLOCK_REALTIME, TIMESPEC } from '../../../native-bindings/abi/time.ts';
import { Arena, ARENA_BYTES_MIN } from '../../../native-bindings/arena.ts';
import { check, ffi, sys } from '../../../native-bindings/syscalls.ts';
import { type LatencySummary, summarise } from './latency-histogram.ts';
import type { Sender } from './burst.ts';
import { NUMBER_AT, PROBE_PORT } from './test-frame.ts';

/** Most probes of one generator. */
const PROBES_MAX = 1 << 20;
/** 64 bytes of each frame are enough; what stands before them in a slot takes less than 128. */
const SLOT_BYTES = 256;
const BLOCK_BYTES = 64 * 1024;
const BLOCKS = 128;
const SLOTS = (BLOCKS * BLOCK_BYTES) / SLOT_BYTES;
/** Of an untagged UDP frame over IPv4 without options. */
const DESTINATION_PORT_AT = 36;
const NEVER = -1;

export interface ProbeSummary {
  sent: number;
  latency: LatencySummary;
  /** When the last probe that was lost was sent, after the moment asked for, in seconds; null: none since was lost. */
  lastLossSeconds: number | null;
}

export class Probes {
  readonly #sender: Sender;
  readonly #words: Int32Array;
  readonly #bytes: DataView;
  readonly #ringAt: number;
  readonly #clock = new Uint32Array(TIMESPEC.size / 4);
  readonly #clockAddress: number;
  readonly #sentNs = new Float64Array(PROBES_MAX);
  readonly #arrivedNs = new Float64Array(PROBES_MAX).fill(NEVER);
  readonly #firstSecond: number;
  #sent = 0;
  #slot = 0;

  /** In the receiving host's network namespace. @param sender sends nothing but probes, numbered from 0 */
  constructor(sender: Sender, interfaceIndex: number) {
    this.#sender = sender;
    const arena = Arena.create(ARENA_BYTES_MIN);
    const fd = openRing();
    this.#ringAt = arena.map(BLOCKS * BLOCK_BYTES, fd).offset;
    this.#words = new Int32Array(arena.sab);
    this.#bytes = new DataView(arena.sab);
    this.#clockAddress = ffi.addressOf(new Uint8Array(this.#clock.buffer));
    this.#now();
    this.#firstSecond = this.#clock[TIMESPEC.sec / 4]!;
    bindTo(fd, interfaceIndex);
  }

  get sent(): number {
    return this.#sent;
  }

  send(): void {
    if (this.#sent === PROBES_MAX) throw new Error(`more than ${PROBES_MAX} probes`);
    this.#now();
    this.#sentNs[this.#sent++] = this.#since(this.#clock[TIMESPEC.sec / 4]!, this.#clock[TIMESPEC.nsec / 4]!);
    this.#sender.send(1);
  }

  /** Takes what has arrived out of the ring. */
  collect(): void {
    for (;;) {
      const at = this.#ringAt + this.#slot * SLOT_BYTES;
      const status = (at + TPACKET2_HDR.status) >>> 2;
      if ((Atomics.load(this.#words, status) & TP_STATUS_USER) === 0) return;
      const sec = this.#words[(at + TPACKET2_HDR.sec) >>> 2]!;
      const nsec = this.#words[(at + TPACKET2_HDR.nsec) >>> 2]!;
      const frame = at + this.#bytes.getUint16(at + TPACKET2_HDR.mac, true);
      const number = this.#bytes.getUint32(frame + NUMBER_AT);
      // A number that was never sent is a broken frame, which is the integrity check's business.
      if (number < this.#sent && this.#arrivedNs[number] === NEVER) this.#arrivedNs[number] = this.#since(sec, nsec);
      Atomics.store(this.#words, status, TP_STATUS_KERNEL);
      this.#slot = (this.#slot + 1) % SLOTS;
    }
  }

  /** Of the probes from the `first`-th on. @param since the probe with which counting of `lastLossSeconds` begins */
  summarise(first: number, since: number): ProbeSummary {
    const latencies: number[] = [];
    let lastLossSeconds: number | null = null;
    for (let k = first; k < this.#sent; k++) {
      const sentNs = this.#sentNs[k]!;
      const arrivedNs = this.#arrivedNs[k]!;
      if (arrivedNs !== NEVER) latencies.push(arrivedNs - sentNs);
      else if (k >= since) lastLossSeconds = (sentNs - this.#sentNs[since]!) / 1e9;
    }
    return { sent: this.#sent - first, latency: summarise(Float64Array.from(latencies)), lastLossSeconds };
  }

  #now(): void {
    check('clock_gettime', sys.clockGettime(CLOCK_REALTIME, this.#clockAddress));
  }

  /** Nanoseconds since the second in which this began: exact in a number for months. */
  #since(sec: number, nsec: number): number {
    return (sec - this.#firstSecond) * 1e9 + nsec;
  }
}

/** Complete before it is bound, so that nothing passes an unfinished filter. */
function openRing(): number {
  const fd = check('socket', sys.socket(AF_PACKET, SOCK_RAW, 0));
  const version = new Uint8Array(new Int32Array([TPACKET_V2]).buffer);
  check('setsockopt PACKET_VERSION', sys.setsockopt(fd, SOL_PACKET, PACKET_VERSION, version));
  const request = Buffer.alloc(TPACKET_REQ.size);
  request.writeUInt32LE(BLOCK_BYTES, TPACKET_REQ.blockSize);
  request.writeUInt32LE(BLOCKS, TPACKET_REQ.blockNr);
  request.writeUInt32LE(SLOT_BYTES, TPACKET_REQ.frameSize);
  request.writeUInt32LE(SLOTS, TPACKET_REQ.frameNr);
  check('setsockopt PACKET_RX_RING', sys.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request));
  attachFilter(fd);
  return fd;
}

/** Takes frames to the probes' port. */
function attachFilter(fd: number): void {
  const instructions = [
    [BPF_LD_H_ABS, 0, 0, DESTINATION_PORT_AT],
    [BPF_JEQ_K, 0, 1, PROBE_PORT],
    [BPF_RET_K, 0, 0, 0xffff],
    [BPF_RET_K, 0, 0, 0],
  ] as const;
  const code = Buffer.alloc(instructions.length * SOCK_FILTER.size);
  instructions.forEach(([op, jt, jf, k], i) => {
    const at = i * SOCK_FILTER.size;
    code.writeUInt16LE(op, at + SOCK_FILTER.code);
    code[at + SOCK_FILTER.jt] = jt;
    code[at + SOCK_FILTER.jf] = jf;
    code.writeUInt32LE(k, at + SOCK_FILTER.k);
  });
  const program = Buffer.alloc(SOCK_FPROG.size);
  program.writeUInt16LE(instructions.length, SOCK_FPROG.len);
  program.writeBigUInt64LE(BigInt(ffi.addressOf(code)), SOCK_FPROG.filter);
  check('setsockopt SO_ATTACH_FILTER', sys.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program));
}

function bindTo(fd: number, interfaceIndex: number): void {
  const address = Buffer.alloc(SOCKADDR_LL.size);
  address.writeUInt16LE(AF_PACKET, SOCKADDR_LL.family);
  address.writeUInt16BE(ETH_P_ALL, SOCKADDR_LL.protocol);
  address.writeInt32LE(interfaceIndex, SOCKADDR_LL.ifindex);
  check('bind', sys.bind(fd, address, address.length));
}
