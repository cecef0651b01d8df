/**
 * The control plane's side of a TAP port: makes the TAP in the daemon's namespace, from where it is moved. It vanishes with
 * its last descriptor, unless it was made to persist.
 */
import { EBADFD } from '../../native-bindings/abi/errno.ts';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../../native-bindings/abi/fcntl.ts';
import {
  IFF_NO_PI,
  IFF_TAP,
  IFF_VNET_HDR,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_TSO_ECN,
  TUN_F_USO4,
  TUN_F_USO6,
  TUNSETIFF,
  TUNSETOFFLOAD,
  TUNSETPERSIST,
} from '../../native-bindings/abi/if-tun.ts';
import { IFREQ } from '../../native-bindings/abi/ioctl.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';

/** What the switch takes from the TAP's side unfinished: everything a virtio-net header expresses. */
const OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
/** Linux 6.2 and later. */
const UDP_OFFLOADS = TUN_F_USO4 | TUN_F_USO6;

/** Whether the kernel carries UDP segmentation in virtio-net headers, on TAPs and packet sockets alike (Linux 6.2). */
export function knowsUdpSegmentation(): boolean {
  const fd = sys.open('/dev/net/tun', O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const request = new Uint8Array(IFREQ.size);
  new DataView(request.buffer).setUint16(IFREQ.flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
  const knows = sys.ioctl(fd, TUNSETIFF, request) >= 0 && sys.ioctlInt(fd, TUNSETOFFLOAD, OFFLOADS | UDP_OFFLOADS) >= 0;
  sys.close(fd);
  return knows;
}

/** One TAP, held open. */
export class TapSocket {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Makes the TAP `netdev` in the calling thread's network namespace, or attaches to the one that is there. One that it attaches
   * to keeps its namespace alive for as long as it is open. Throws SyscallError.
   */
  static open(netdev: string): TapSocket {
    const fd = check('open(/dev/net/tun)', sys.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC));
    try {
      const request = new Uint8Array(IFREQ.size);
      request.set(new TextEncoder().encode(netdev), IFREQ.name);
      new DataView(request.buffer).setUint16(IFREQ.flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
      check('ioctl(TUNSETIFF)', sys.ioctl(fd, TUNSETIFF, request));
      if (sys.ioctlInt(fd, TUNSETOFFLOAD, OFFLOADS | UDP_OFFLOADS) < 0) {
        check('ioctl(TUNSETOFFLOAD)', sys.ioctlInt(fd, TUNSETOFFLOAD, OFFLOADS));
      }
      return new TapSocket(fd);
    } catch (error) {
      sys.close(fd);
      throw error;
    }
  }

  /** Whether the TAP stays when it is closed. */
  persist(stays: boolean): void {
    const result = sys.ioctlInt(this.fd, TUNSETPERSIST, stays ? 1 : 0);
    // One that is gone already stays so.
    if (result !== -EBADFD) check('ioctl(TUNSETPERSIST)', result);
  }

  /** After every worker has acknowledged that it no longer uses it. */
  close(): void {
    sys.close(this.fd);
  }
}
