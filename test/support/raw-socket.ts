/** A packet socket for many frames: nothing is copied or kept, and a refusal is a number that the caller may expect. */
import { PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS, PACKET_VNET_HDR } from '../../native-bindings/abi/if-packet.ts';
import { IFREQ, SIOCGIFINDEX } from '../../native-bindings/abi/ioctl.ts';
import {
  AF_PACKET,
  IOVEC,
  MMSGHDR,
  MSG_DONTWAIT,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOCKADDR_LL,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../native-bindings/abi/socket.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';

const QUEUE_BYTES = 256 * 1024 * 1024;
const RECEIVE_BYTES_MAX = 70_000;

export interface RawOptions {
  /** EtherType that is received, ETH_P_ALL for all; 0: nothing is. */
  protocol: number;
  /** Each frame, sent or received, has a virtio-net header in front. */
  vnetHeader?: boolean;
  /** Sends past the queueing discipline, which is faster. */
  bypassQdisc?: boolean;
}

export class RawSocket {
  readonly fd: number;
  /** What `receive` wrote last. */
  readonly received = Buffer.alloc(RECEIVE_BYTES_MAX);
  readonly #receivedAt: number;

  private constructor(fd: number) {
    this.fd = fd;
    this.#receivedAt = sys.addressOf(this.received);
  }

  /** In the calling thread's network namespace. */
  static open(netdev: string, { protocol, vnetHeader = false, bypassQdisc = false }: RawOptions): RawSocket {
    const fd = check('socket', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const set = (level: number, option: number, value: number): number =>
      check('setsockopt', sys.setsockopt(fd, level, option, new Uint8Array(new Int32Array([value]).buffer)));
    if (vnetHeader) set(SOL_PACKET, PACKET_VNET_HDR, 1);
    if (bypassQdisc) set(SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set(SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
    set(SOL_SOCKET, SO_SNDBUFFORCE, QUEUE_BYTES);
    const request = new Uint8Array(IFREQ.size);
    request.set(new TextEncoder().encode(netdev));
    check(`SIOCGIFINDEX ${netdev}`, sys.ioctl(fd, SIOCGIFINDEX, request));
    const address = new DataView(new ArrayBuffer(SOCKADDR_LL.size));
    address.setUint16(SOCKADDR_LL.family, AF_PACKET, true);
    address.setUint16(SOCKADDR_LL.protocol, protocol);
    address.setInt32(SOCKADDR_LL.ifindex, new DataView(request.buffer).getInt32(IFREQ.ifindex, true), true);
    check('bind', sys.bind(fd, new Uint8Array(address.buffer), SOCKADDR_LL.size));
    return new RawSocket(fd);
  }

  /** @returns bytes sent, or -errno */
  send(bytes: Uint8Array): number {
    return sys.sendBytes(this.fd, bytes, MSG_DONTWAIT);
  }

  /** Takes the next frame into `received`. @returns its bytes, or -errno: there is none */
  receive(): number {
    return sys.recv(this.fd, this.#receivedAt, RECEIVE_BYTES_MAX, MSG_DONTWAIT);
  }

  close(): void {
    sys.close(this.fd);
  }
}

/** Frames side by side that one system call sends. */
export class Burst {
  readonly bytes: Buffer;
  readonly count: number;
  readonly stride: number;
  readonly #vectors: Buffer;
  readonly #messages: Buffer;
  readonly #messagesAt: number;

  /** @param stride bytes from one frame to the next; each is that long until `setLength` says otherwise */
  constructor(count: number, stride: number) {
    this.count = count;
    this.stride = stride;
    this.bytes = Buffer.alloc(count * stride);
    this.#vectors = Buffer.alloc(count * IOVEC.size);
    this.#messages = Buffer.alloc(count * MMSGHDR.size);
    this.#messagesAt = sys.addressOf(this.#messages);
    const bytesAt = sys.addressOf(this.bytes);
    const vectorsAt = sys.addressOf(this.#vectors);
    for (let i = 0; i < count; i++) {
      this.#vectors.writeBigUInt64LE(BigInt(bytesAt + i * stride), i * IOVEC.size + IOVEC.base);
      this.setLength(i, stride);
      this.#messages.writeBigUInt64LE(BigInt(vectorsAt + i * IOVEC.size), i * MMSGHDR.size + MMSGHDR.iov);
      this.#messages.writeBigUInt64LE(1n, i * MMSGHDR.size + MMSGHDR.iovlen);
    }
  }

  setLength(i: number, bytes: number): void {
    this.#vectors.writeUInt32LE(bytes, i * IOVEC.size + IOVEC.len);
  }

  /** Sends the first `count`. One that is refused is left out. @returns how many were sent */
  send(through: RawSocket, count: number): number {
    let refused = 0;
    for (let at = 0; at < count;) {
      const sent = sys.sendmmsg(through.fd, this.#messagesAt + at * MMSGHDR.size, count - at, MSG_DONTWAIT);
      if (sent < 0) refused++;
      at += Math.max(sent, 1);
    }
    return count - refused;
  }
}
