/**
 * A packet socket on a netdev: sends frames as they are, and captures what arrives, with its VLAN tag back in its place and
 * its virtio-net header. Captures test frames only: those whose source address is one of `mac()` in frames.ts.
 */
import {
  ETH_P_ALL,
  PACKET_AUXDATA,
  PACKET_IGNORE_OUTGOING,
  PACKET_VNET_HDR,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
  TPACKET_AUXDATA,
} from '../../native-bindings/abi/if-packet.ts';
import { IFREQ, SIOCGIFINDEX } from '../../native-bindings/abi/ioctl.ts';
import {
  AF_PACKET,
  CMSGHDR,
  IOVEC,
  MSG_DONTWAIT,
  MSGHDR,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOCKADDR_LL,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../native-bindings/abi/socket.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import { VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';

const CONTROL_BYTES = 64;

const QUEUE_BYTES = 64 * 1024 * 1024;
const CAPTURE_BYTES_MAX = 70_000;
const TAG_AT = 12;

export interface Captured {
  /** The frame with its outer tag in its bytes. */
  frame: Uint8Array;
  /** VNET_HEADER_BYTES; its offsets do not count the outer tag. */
  header: Uint8Array;
}

export class Wire {
  readonly #fd: number;
  readonly #data = new Uint8Array(CAPTURE_BYTES_MAX);
  readonly #control = new Uint8Array(CONTROL_BYTES);
  readonly #vector = new DataView(new ArrayBuffer(IOVEC.size));
  readonly #message = new DataView(new ArrayBuffer(MSGHDR.size));
  readonly #captured: Captured[] = [];
  /** Captures all frames, and not test frames only. */
  promiscuous = false;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#vector.setBigUint64(IOVEC.base, BigInt(sys.addressOf(this.#data)), true);
    this.#vector.setBigUint64(IOVEC.len, BigInt(CAPTURE_BYTES_MAX), true);
    this.#message.setBigUint64(MSGHDR.iov, BigInt(sys.addressOf(new Uint8Array(this.#vector.buffer))), true);
    this.#message.setBigUint64(MSGHDR.iovlen, 1n, true);
    this.#message.setBigUint64(MSGHDR.control, BigInt(sys.addressOf(this.#control)), true);
  }

  /** In the calling thread's network namespace. */
  static open(netdev: string): Wire {
    const fd = check('socket', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const set = (level: number, option: number, value: number): number =>
      check('setsockopt', sys.setsockopt(fd, level, option, new Uint8Array(new Int32Array([value]).buffer)));
    set(SOL_PACKET, PACKET_VNET_HDR, 1);
    set(SOL_PACKET, PACKET_AUXDATA, 1);
    set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set(SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
    set(SOL_SOCKET, SO_SNDBUFFORCE, QUEUE_BYTES);
    const request = new Uint8Array(IFREQ.size);
    request.set(new TextEncoder().encode(netdev));
    check(`SIOCGIFINDEX ${netdev}`, sys.ioctl(fd, SIOCGIFINDEX, request));
    const address = new DataView(new ArrayBuffer(SOCKADDR_LL.size));
    address.setUint16(SOCKADDR_LL.family, AF_PACKET, true);
    address.setUint16(SOCKADDR_LL.protocol, ETH_P_ALL);
    address.setInt32(SOCKADDR_LL.ifindex, new DataView(request.buffer).getInt32(IFREQ.ifindex, true), true);
    check('bind', sys.bind(fd, new Uint8Array(address.buffer), SOCKADDR_LL.size));
    return new Wire(fd);
  }

  /** @param header virtio-net header; left out: a finished frame */
  send(frame: Uint8Array, header: Uint8Array = new Uint8Array(VNET_HEADER_BYTES)): void {
    const bytes = new Uint8Array(VNET_HEADER_BYTES + frame.length);
    bytes.set(header);
    bytes.set(frame, VNET_HEADER_BYTES);
    check('send', sys.sendBytes(this.#fd, bytes, 0));
  }

  /** Everything captured so far. */
  captured(): readonly Captured[] {
    for (let next = this.#receive(); next; next = this.#receive()) {
      if (this.promiscuous || isTestFrame(next.frame)) this.#captured.push(next);
    }
    return this.#captured;
  }

  /** Forgets what was captured so far. */
  clear(): void {
    this.captured();
    this.#captured.length = 0;
  }

  close(): void {
    sys.close(this.#fd);
  }

  #receive(): Captured | null {
    this.#message.setBigUint64(MSGHDR.controllen, BigInt(CONTROL_BYTES), true);
    const length = sys.recvmsg(this.#fd, new Uint8Array(this.#message.buffer), MSG_DONTWAIT);
    if (length < 0) return null;
    const header = this.#data.slice(0, VNET_HEADER_BYTES);
    const bytes = this.#data.subarray(VNET_HEADER_BYTES, length);
    const aux = new DataView(this.#control.buffer, CMSGHDR.size, TPACKET_AUXDATA.size);
    const status = aux.getUint32(TPACKET_AUXDATA.status, true);
    if ((status & TP_STATUS_VLAN_VALID) === 0) return { frame: bytes.slice(), header };
    const tpid = status & TP_STATUS_VLAN_TPID_VALID ? aux.getUint16(TPACKET_AUXDATA.vlanTpid, true) : 0x8100;
    const tci = aux.getUint16(TPACKET_AUXDATA.vlanTci, true);
    const tag = [tpid >>> 8, tpid & 0xff, tci >>> 8, tci & 0xff];
    return { frame: Uint8Array.from([...bytes.subarray(0, TAG_AT), ...tag, ...bytes.subarray(TAG_AT)]), header };
  }
}

function isTestFrame(frame: Uint8Array): boolean {
  return frame[6] === 0x02 && frame[7] === 0 && frame[8] === 0 && frame[9] === 0;
}
