/** Opening and setting packet sockets (packet(7)), for ports and for who sends a few frames. All throw SyscallError. */
import {
  PACKET_ADD_MEMBERSHIP,
  PACKET_MR_PROMISC,
  PACKET_MREQ,
  PACKET_VNET_HDR,
} from '../../native-bindings/abi/if-packet.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW, SOCKADDR_LL, SOL_PACKET } from '../../native-bindings/abi/socket.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';

/**
 * In the calling thread's network namespace. It gets no frame until it is bound.
 *
 * @param fds the socket is added to those
 * @param hasHeaders whether a virtio-net header stands before each frame
 */
export function openPacketSocket(fds: number[], hasHeaders: boolean): number {
  const fd = check('socket(AF_PACKET)', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  fds.push(fd);
  if (hasHeaders) setInt(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
  return fd;
}

/** @param protocol the EtherType that is received (ETH_P_ALL: all; 0: none) */
export function bindTo(fd: number, ifindex: number, protocol: number): void {
  const address = new DataView(new ArrayBuffer(SOCKADDR_LL.size));
  address.setUint16(SOCKADDR_LL.family, AF_PACKET, true);
  address.setUint16(SOCKADDR_LL.protocol, protocol);
  address.setInt32(SOCKADDR_LL.ifindex, ifindex, true);
  check('bind(AF_PACKET)', sys.bind(fd, new Uint8Array(address.buffer), SOCKADDR_LL.size));
}

/** Asks the netdev for frames to any address, for as long as the socket is open. */
export function becomePromiscuous(fd: number, ifindex: number): void {
  const request = new DataView(new ArrayBuffer(PACKET_MREQ.size));
  request.setInt32(PACKET_MREQ.ifindex, ifindex, true);
  request.setUint16(PACKET_MREQ.type, PACKET_MR_PROMISC, true);
  const bytes = new Uint8Array(request.buffer);
  check('setsockopt(PACKET_MR_PROMISC)', sys.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, bytes));
}

export function setInt(fd: number, level: number, name: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  check(`setsockopt(${level}, ${name})`, sys.setsockopt(fd, level, name, bytes));
}
