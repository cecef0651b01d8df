/** The frames of one sender, side by side in memory, with a struct mmsghdr for each, as sendmmsg takes them. */
import { EAGAIN, ENOBUFS } from '../../../native-bindings/abi/errno.ts';
import { PACKET_QDISC_BYPASS } from '../../../native-bindings/abi/if-packet.ts';
import {
  AF_PACKET,
  IOVEC,
  MMSGHDR,
  MSG_DONTWAIT,
  SOCKADDR_LL,
  SOCK_RAW,
  SOL_PACKET,
} from '../../../native-bindings/abi/socket.ts';
import { check, ffi, sys, SyscallError } from '../../../native-bindings/syscalls.ts';
import { macTail, makeFrame, NUMBER_AT, TAG_BYTES, type Way, writeMacTail, writeNumber } from './test-frame.ts';

/** Most frames of one sendmmsg. */
export const BATCH_FRAMES = 256;
/** Frames of several sizes or ways: whole batches, and a multiple of 12 and of 3, so that each gets its share. */
const MIXED_FRAMES = 3 * BATCH_FRAMES;
const CACHE_LINE_BYTES = 64;

/** Which frames a sender sends: every way, flow and size in turn. */
export interface FrameMix {
  ways: readonly Way[];
  flows: number;
  /** Without frame check sequence and tag. */
  sizes: readonly number[];
  vlan: number | null;
}

/** Of many addresses, those from the first on, one after the other and then again; written into every frame. */
export interface AddressRange {
  field: 'source' | 'destination';
  first: number;
  count: number;
}

export class Sender {
  readonly #fd: number;
  readonly #frames: Buffer;
  readonly #strideBytes: number;
  readonly #count: number;
  readonly #numberAt: number;
  readonly #messagesAddress: number;
  /** What the kernel reads by address must not be collected. */
  readonly keep: readonly Buffer[];
  /** The frame that is sent next. */
  #next = 0;
  #number = 0;
  #addresses: AddressRange | null = null;
  #address = 0;

  /** In the calling thread's network namespace. */
  constructor(interfaceIndex: number, mix: FrameMix) {
    const { ways, flows, sizes, vlan } = mix;
    const whole = sizes.length * ways.length > 1 ? MIXED_FRAMES : BATCH_FRAMES;
    this.#count = Math.ceil(flows / whole) * whole;
    const tagBytes = vlan === null ? 0 : TAG_BYTES;
    const longest = Math.max(...sizes) + tagBytes;
    this.#strideBytes = Math.ceil(longest / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
    this.#numberAt = NUMBER_AT + tagBytes;
    this.#frames = Buffer.alloc(this.#count * this.#strideBytes);
    const lengths: number[] = [];
    for (let i = 0; i < this.#count; i++) {
      const frame = makeFrame(ways[i % ways.length]!, i % flows, sizes[i % sizes.length], vlan);
      frame.copy(this.#frames, i * this.#strideBytes);
      lengths.push(frame.length);
    }
    const { vectors, messages } = makeMessages(ffi.addressOf(this.#frames), this.#strideBytes, lengths);
    this.#messagesAddress = ffi.addressOf(messages);
    this.keep = [vectors, messages];
    this.#fd = openSocket(interfaceIndex);
  }

  /** From now on, in place of those of the ways. */
  useAddresses(addresses: AddressRange): void {
    this.#addresses = addresses;
    this.#address = 0;
  }

  /** Sends the next frames. What the interface has no room for is lost, as on a wire. @param frames 1 to BATCH_FRAMES */
  send(frames: number): void {
    let left = frames;
    while (left > 0) {
      const now = Math.min(left, this.#count - this.#next);
      this.#stamp(now);
      this.#hand(now);
      this.#next = (this.#next + now) % this.#count;
      left -= now;
    }
  }

  #stamp(frames: number): void {
    const range = this.#addresses;
    const field = range?.field === 'source' ? 6 : 0;
    let at = this.#next * this.#strideBytes;
    for (let i = 0; i < frames; i++) {
      writeNumber(this.#frames, at + this.#numberAt, this.#number);
      this.#number = (this.#number + 1) >>> 0;
      if (range !== null) {
        writeMacTail(this.#frames, at + field, macTail(range.first + this.#address));
        this.#address = this.#address + 1 === range.count ? 0 : this.#address + 1;
      }
      at += this.#strideBytes;
    }
  }

  #hand(frames: number): void {
    let sent = 0;
    while (sent < frames) {
      const messages = this.#messagesAddress + (this.#next + sent) * MMSGHDR.size;
      const result = sys.sendmmsg(this.#fd, messages, frames - sent, MSG_DONTWAIT);
      if (result > 0) sent += result;
      else if (result === -ENOBUFS || result === -EAGAIN) sent++;
      else throw new SyscallError('sendmmsg', -result);
    }
  }
}

function makeMessages(framesAddress: number, strideBytes: number, lengths: readonly number[]) {
  const vectors = Buffer.alloc(lengths.length * IOVEC.size);
  const messages = Buffer.alloc(lengths.length * MMSGHDR.size);
  const vectorsAddress = ffi.addressOf(vectors);
  lengths.forEach((bytes, i) => {
    vectors.writeBigUInt64LE(BigInt(framesAddress + i * strideBytes), i * IOVEC.size + IOVEC.base);
    vectors.writeBigUInt64LE(BigInt(bytes), i * IOVEC.size + IOVEC.len);
    messages.writeBigUInt64LE(BigInt(vectorsAddress + i * IOVEC.size), i * MMSGHDR.size + MMSGHDR.iov);
    messages.writeBigUInt64LE(1n, i * MMSGHDR.size + MMSGHDR.iovlen);
  });
  return { vectors, messages };
}

function openSocket(interfaceIndex: number): number {
  const fd = check('socket', sys.socket(AF_PACKET, SOCK_RAW, 0));
  const on = new Uint8Array(new Int32Array([1]).buffer);
  check('setsockopt PACKET_QDISC_BYPASS', sys.setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, on));
  const address = Buffer.alloc(SOCKADDR_LL.size);
  address.writeUInt16LE(AF_PACKET, SOCKADDR_LL.family);
  address.writeInt32LE(interfaceIndex, SOCKADDR_LL.ifindex);
  check('bind', sys.bind(fd, address, address.length));
  return fd;
}
