/** Descriptors that travel with a message over a Unix socket: unix(7), SCM_RIGHTS; cmsg(3). */
import { EAGAIN } from '../../../native-bindings/abi/errno.ts';
import {
  CMSGHDR,
  IOVEC,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSGHDR,
  SCM_RIGHTS,
  SOL_SOCKET,
} from '../../../native-bindings/abi/socket.ts';
import { check, SyscallError, sys } from '../../../native-bindings/syscalls.ts';

/** What a message holds at most: descriptors (SCM_MAX_FD of the kernel), and bytes of text. */
export const DESCRIPTORS_MAX = 253;
const TEXT_BYTES_MAX = 16 * 1024;
const FD_BYTES = 4;

export interface Passed {
  text: string;
  fds: number[];
}

/** Sends copies of the descriptors; waits for nobody. Throws SyscallError. */
export function passDescriptors(socket: number, { text, fds }: Passed): void {
  const control = new Uint8Array(CMSGHDR.size + fds.length * FD_BYTES);
  const view = new DataView(control.buffer);
  view.setBigUint64(CMSGHDR.len, BigInt(control.length), true);
  view.setInt32(CMSGHDR.level, SOL_SOCKET, true);
  view.setInt32(CMSGHDR.type, SCM_RIGHTS, true);
  fds.forEach((fd, k) => view.setInt32(CMSGHDR.size + k * FD_BYTES, fd, true));
  const message = new Message(Buffer.from(text), control);
  check('sendmsg', sys.sendmsg(socket, message.bytes, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** The next message, with descriptors that no program inherits; null: none waits. Throws SyscallError. */
export function takeDescriptors(socket: number): Passed | null {
  const data = new Uint8Array(TEXT_BYTES_MAX);
  const control = new Uint8Array(CMSGHDR.size + DESCRIPTORS_MAX * FD_BYTES);
  const message = new Message(data, control);
  const length = sys.recvmsg(socket, message.bytes, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  // At its end when all who could send are gone.
  if (length === 0 || length === -EAGAIN) return null;
  if (length < 0) throw new SyscallError('recvmsg', -length);
  const view = new DataView(control.buffer);
  const end = message.controlLength > 0 ? Number(view.getBigUint64(CMSGHDR.len, true)) : 0;
  const fds: number[] = [];
  for (let at = CMSGHDR.size; at + FD_BYTES <= end; at += FD_BYTES) fds.push(view.getInt32(at, true));
  return { text: Buffer.from(data.subarray(0, length)).toString(), fds };
}

/** struct msghdr with one piece of data and one of control. */
class Message {
  readonly bytes = new Uint8Array(MSGHDR.size);
  readonly #view = new DataView(this.bytes.buffer);
  /** What the kernel is given the addresses of: they hold while it is referenced. */
  readonly parts: Uint8Array[];

  constructor(data: Uint8Array, control: Uint8Array) {
    const vector = new Uint8Array(IOVEC.size);
    const about = new DataView(vector.buffer);
    about.setBigUint64(IOVEC.base, BigInt(sys.addressOf(data)), true);
    about.setBigUint64(IOVEC.len, BigInt(data.length), true);
    this.parts = [data, control, vector];
    this.#view.setBigUint64(MSGHDR.iov, BigInt(sys.addressOf(vector)), true);
    this.#view.setBigUint64(MSGHDR.iovlen, 1n, true);
    this.#view.setBigUint64(MSGHDR.control, BigInt(sys.addressOf(control)), true);
    this.#view.setBigUint64(MSGHDR.controllen, BigInt(control.length), true);
  }

  get controlLength(): number {
    return Number(this.#view.getBigUint64(MSGHDR.controllen, true));
  }
}
