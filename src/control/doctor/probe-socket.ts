/** A packet socket that sends and receives whole frames with their tags and virtio-net headers, few of them. */
import {
  ETH_P_ALL,
  PACKET_ADD_MEMBERSHIP,
  PACKET_AUXDATA,
  PACKET_IGNORE_OUTGOING,
  PACKET_MR_PROMISC,
  PACKET_MREQ,
  PACKET_VNET_HDR,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
  TPACKET_AUXDATA,
} from '../../../native-bindings/abi/if-packet.ts';
import {
  AF_PACKET,
  CMSGHDR,
  IOVEC,
  MSG_DONTWAIT,
  MSGHDR,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOCKADDR_LL,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../../native-bindings/abi/socket.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { shiftVnetHeader, VNET_HEADER_BYTES } from '../../frame/vnet-header.ts';
import { TAG_BYTES, TPID_CUSTOMER } from '../../frame/vlan.ts';
import { SUPER_FRAME_BYTES_MAX } from '../../limits.ts';
import { inNetns, type Netns } from '../plumbing/netns.ts';
import type { Framed } from './probe-frame.ts';

const QUEUE_BYTES = 8 * 1024 * 1024;
const CONTROL_BYTES = 64;
const ADDRESSES_BYTES = 12;

export class ProbeSocket implements Disposable {
  readonly #fd: number;
  readonly #data = new Uint8Array(VNET_HEADER_BYTES + SUPER_FRAME_BYTES_MAX);
  readonly #control = new Uint8Array(CONTROL_BYTES);
  readonly #vector = new DataView(new ArrayBuffer(IOVEC.size));
  readonly #message = new DataView(new ArrayBuffer(MSGHDR.size));

  private constructor(fd: number) {
    this.#fd = fd;
    this.#vector.setBigUint64(IOVEC.base, BigInt(sys.addressOf(this.#data)), true);
    this.#vector.setBigUint64(IOVEC.len, BigInt(this.#data.length), true);
    this.#message.setBigUint64(MSGHDR.iov, BigInt(sys.addressOf(new Uint8Array(this.#vector.buffer))), true);
    this.#message.setBigUint64(MSGHDR.iovlen, 1n, true);
    this.#message.setBigUint64(MSGHDR.control, BigInt(sys.addressOf(this.#control)), true);
  }

  /** @throws SyscallError */
  static open(netns: Netns, ifindex: number): ProbeSocket {
    return inNetns(netns, () => {
      const fd = check('socket(AF_PACKET)', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      try {
        for (const option of [PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING]) set(fd, SOL_PACKET, option, 1);
        set(fd, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
        const promiscuous = new DataView(new ArrayBuffer(PACKET_MREQ.size));
        promiscuous.setInt32(PACKET_MREQ.ifindex, ifindex, true);
        promiscuous.setUint16(PACKET_MREQ.type, PACKET_MR_PROMISC, true);
        const request = new Uint8Array(promiscuous.buffer);
        check('PACKET_MR_PROMISC', sys.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request));
        const address = new DataView(new ArrayBuffer(SOCKADDR_LL.size));
        address.setUint16(SOCKADDR_LL.family, AF_PACKET, true);
        address.setUint16(SOCKADDR_LL.protocol, ETH_P_ALL);
        address.setInt32(SOCKADDR_LL.ifindex, ifindex, true);
        check('bind', sys.bind(fd, new Uint8Array(address.buffer), SOCKADDR_LL.size));
        return new ProbeSocket(fd);
      } catch (error) {
        sys.close(fd);
        throw error;
      }
    });
  }

  /** @returns 0, or -errno */
  send({ header, frame }: Framed): number {
    const bytes = new Uint8Array(VNET_HEADER_BYTES + frame.length);
    bytes.set(header);
    bytes.set(frame, VNET_HEADER_BYTES);
    return Math.min(0, sys.sendBytes(this.#fd, bytes, MSG_DONTWAIT));
  }

  /** The next frame; null: none is there. */
  receive(): Framed | null {
    this.#message.setBigUint64(MSGHDR.controllen, BigInt(CONTROL_BYTES), true);
    const length = sys.recvmsg(this.#fd, new Uint8Array(this.#message.buffer), MSG_DONTWAIT);
    if (length < VNET_HEADER_BYTES) return null;
    const header = this.#data.slice(0, VNET_HEADER_BYTES);
    const frame = this.#data.slice(VNET_HEADER_BYTES, length);
    const about = new DataView(this.#control.buffer, CMSGHDR.size, TPACKET_AUXDATA.size);
    const status = about.getUint32(TPACKET_AUXDATA.status, true);
    if ((status & TP_STATUS_VLAN_VALID) === 0) return { header, frame };
    const hasTpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0;
    const tpid = hasTpid ? about.getUint16(TPACKET_AUXDATA.vlanTpid, true) : TPID_CUSTOMER;
    return withTag(header, frame, tpid, about.getUint16(TPACKET_AUXDATA.vlanTci, true));
  }

  [Symbol.dispose](): void {
    sys.close(this.#fd);
  }
}

/** The kernel takes the outer tag out of the bytes: back with it. */
function withTag(header: Uint8Array, frame: Uint8Array, tpid: number, tci: number): Framed {
  const tagged = new Uint8Array(frame.length + TAG_BYTES);
  tagged.set(frame.subarray(0, ADDRESSES_BYTES));
  tagged.set([tpid >>> 8, tpid & 0xff, tci >>> 8, tci & 0xff], ADDRESSES_BYTES);
  tagged.set(frame.subarray(ADDRESSES_BYTES), ADDRESSES_BYTES + TAG_BYTES);
  shiftVnetHeader(header, 0, TAG_BYTES);
  return { header, frame: tagged };
}

function set(fd: number, level: number, option: number, value: number): void {
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  check(`setsockopt(${level}, ${option})`, sys.setsockopt(fd, level, option, bytes));
}
