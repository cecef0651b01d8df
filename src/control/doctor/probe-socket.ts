/** A packet socket that sends and receives whole frames with their tags and virtio-net headers, few of them. */
import {
  ETH_P_ALL,
  PACKET_AUXDATA,
  PACKET_IGNORE_OUTGOING,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
  TPACKET_AUXDATA,
} from '../../../native-bindings/abi/if-packet.ts';
import {
  CMSGHDR,
  IOVEC,
  MSG_DONTWAIT,
  MSGHDR,
  SO_RCVBUFFORCE,
  SOL_PACKET,
  SOL_SOCKET,
} from '../../../native-bindings/abi/socket.ts';
import { sys } from '../../../native-bindings/syscalls.ts';
import { ADDRESSES_BYTES } from '../../frame/ethernet.ts';
import { shiftVnetHeader, VNET_HEADER_BYTES } from '../../frame/vnet-header.ts';
import { TAG_BYTES, tagOf, TPID_CUSTOMER, writeTag } from '../../frame/vlan.ts';
import { SUPER_FRAME_BYTES_MAX } from '../../limits.ts';
import { becomePromiscuous, bindTo, openPacketSocket, setInt } from '../../ports/packet-socket.ts';
import { inNetns, type Netns } from '../plumbing/netns.ts';
import type { Framed } from './probe-frame.ts';

const QUEUE_BYTES = 8 * 1024 * 1024;
const CONTROL_BYTES = 64;

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
      const fds: number[] = [];
      try {
        const fd = openPacketSocket(fds, true);
        for (const option of [PACKET_AUXDATA, PACKET_IGNORE_OUTGOING]) setInt(fd, SOL_PACKET, option, 1);
        setInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
        becomePromiscuous(fd, ifindex);
        bindTo(fd, ifindex, ETH_P_ALL);
        return new ProbeSocket(fd);
      } catch (error) {
        for (const fd of fds) sys.close(fd);
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
  tagged.set(frame.subarray(ADDRESSES_BYTES), writeTag(tagged, ADDRESSES_BYTES, tagOf(tpid, tci)));
  shiftVnetHeader(header, 0, TAG_BYTES);
  return { header, frame: tagged };
}
