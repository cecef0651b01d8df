/**
 * The generator: a process of its own, in a host's namespace and on its own core, that offers frames as fast as one core
 * can: sendmmsg on a packet socket, past the queueing discipline. It ends by itself after `secondsMax`.
 *
 * Argument: GeneratorTask as JSON. Prints `sending` once the first frames are out.
 */
import { writeSync } from 'node:fs';
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
import { FRAME_BYTES, makeFrame, type Way, writeNumber } from './test-frame.ts';

export interface GeneratorTask extends Way {
  interfaceIndex: number;
  flows: number;
  secondsMax: number;
}

const BATCH_FRAMES = 256;

/** Frames side by side, and a struct mmsghdr for each. There are whole batches of them, and every flow is among them. */
class Burst {
  readonly frames: Buffer;
  readonly count: number;
  /** What the kernel reads by address must not be collected. */
  readonly keep: readonly Buffer[];
  readonly #messagesAddress: number;

  constructor(task: GeneratorTask) {
    this.count = Math.ceil(task.flows / BATCH_FRAMES) * BATCH_FRAMES;
    this.frames = Buffer.alloc(this.count * FRAME_BYTES);
    const vectors = Buffer.alloc(this.count * IOVEC.size);
    const messages = Buffer.alloc(this.count * MMSGHDR.size);
    const framesAddress = ffi.addressOf(this.frames);
    const vectorsAddress = ffi.addressOf(vectors);
    for (let i = 0; i < this.count; i++) {
      makeFrame(task, i % task.flows).copy(this.frames, i * FRAME_BYTES);
      vectors.writeBigUInt64LE(BigInt(framesAddress + i * FRAME_BYTES), i * IOVEC.size + IOVEC.base);
      vectors.writeBigUInt64LE(BigInt(FRAME_BYTES), i * IOVEC.size + IOVEC.len);
      messages.writeBigUInt64LE(BigInt(vectorsAddress + i * IOVEC.size), i * MMSGHDR.size + MMSGHDR.iov);
      messages.writeBigUInt64LE(1n, i * MMSGHDR.size + MMSGHDR.iovlen);
    }
    this.#messagesAddress = ffi.addressOf(messages);
    this.keep = [vectors, messages];
  }

  messageAddress(i: number): number {
    return this.#messagesAddress + i * MMSGHDR.size;
  }
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

function generate(task: GeneratorTask): void {
  const burst = new Burst(task);
  const fd = openSocket(task.interfaceIndex);
  const endMs = performance.now() + task.secondsMax * 1000;
  let number = 0;
  for (let first = 0; performance.now() < endMs; first = (first + BATCH_FRAMES) % burst.count) {
    for (let i = 0; i < BATCH_FRAMES; i++) writeNumber(burst.frames, (first + i) * FRAME_BYTES, number + i);
    sendBatch(fd, burst, first);
    if (number === 0) writeSync(1, 'sending\n');
    number = (number + BATCH_FRAMES) >>> 0;
  }
}

/** A frame that the interface has no room for is lost, as on a wire; the interface counts it. */
function sendBatch(fd: number, burst: Burst, first: number): void {
  let sent = 0;
  while (sent < BATCH_FRAMES) {
    const result = sys.sendmmsg(fd, burst.messageAddress(first + sent), BATCH_FRAMES - sent, MSG_DONTWAIT);
    if (result > 0) sent += result;
    else if (result === -ENOBUFS || result === -EAGAIN) sent++;
    else throw new SyscallError('sendmmsg', -result);
  }
}

generate(JSON.parse(process.argv[2] ?? '') as GeneratorTask);
