/** Plays a hypervisor's side of a TAP: opens it with virtio-net headers, negotiates offloads, reads and writes frames. */
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../../native-bindings/abi/fcntl.ts';
import { IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, TUNSETOFFLOAD } from '../../native-bindings/abi/if-tun.ts';
import { IFREQ } from '../../native-bindings/abi/ioctl.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import { VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';
import type { Captured } from './wire.ts';

const READ_BYTES_MAX = 70_000;
const POLL_MS = 1;

export class TapPeer {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(READ_BYTES_MAX);
  #timer: NodeJS.Timeout | null = null;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Makes the TAP, which is down at first. @param offloads TUN_F_ bits of what this side takes unfinished */
  static open(netdev: string, offloads: number): TapPeer {
    const fd = check('open', sys.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC));
    const request = new Uint8Array(IFREQ.size);
    request.set(new TextEncoder().encode(netdev));
    new DataView(request.buffer).setUint16(IFREQ.flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true);
    check('TUNSETIFF', sys.ioctl(fd, TUNSETIFF, request));
    check('TUNSETOFFLOAD', sys.ioctlInt(fd, TUNSETOFFLOAD, offloads));
    return new TapPeer(fd);
  }

  /** Reads from now on, and calls `onFrame` for every frame. Without it, nobody reads. */
  read(onFrame: (captured: Captured) => void): void {
    this.#timer = setInterval(() => {
      for (;;) {
        const length = sys.readBytes(this.#fd, this.#buffer);
        if (length < 0) return;
        const bytes = this.#buffer.slice(0, length);
        onFrame({ header: bytes.subarray(0, VNET_HEADER_BYTES), frame: bytes.subarray(VNET_HEADER_BYTES) });
      }
    }, POLL_MS);
  }

  /** @param header virtio-net header; left out: a finished frame */
  write(frame: Uint8Array, header: Uint8Array = new Uint8Array(VNET_HEADER_BYTES)): void {
    check('write', sys.writeBytes(this.#fd, Uint8Array.from([...header, ...frame])));
  }

  /** @param bytes virtio-net header and frame @returns whether the kernel took them */
  offer(bytes: Uint8Array): boolean {
    return sys.writeBytes(this.#fd, bytes) > 0;
  }

  /** The TAP vanishes with it. */
  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    sys.close(this.#fd);
  }
}
