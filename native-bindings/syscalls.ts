/**
 * The system calls tswitch uses, one line each: thin, typed, unlogged. Every one gives its result, or -errno on failure;
 * the data plane looks at the number, the control plane wraps it in `check`, which throws.
 *
 * What is called per batch takes addresses as numbers (of arrays or of places in an arena, see arena.ts). With koffi such
 * a call allocates nothing; an address that was just calculated costs a number object of 16 bytes, so keep those that
 * come again. What ends in `Bytes` takes an array instead, for the control plane.
 */
import { getSystemErrorMessage } from 'node:util';
import * as errnos from './abi/errno.ts';
import { SYS_BPF } from './abi/bpf.ts';
import { SYS_IO_URING_ENTER, SYS_IO_URING_SETUP } from './abi/io-uring.ts';
import { SYS_PIDFD_GETFD, SYS_PIDFD_OPEN } from './abi/pidfd.ts';
import { chooseFfi } from './ffi/choose.ts';
import type { Ffi } from './ffi/ffi.ts';

/** Arguments and results as in the manual pages, section 2, of the same names; lengths in bytes. */
export interface Syscalls {
  /** Of the array's first byte, valid as long as its buffer is referenced: see ffi/ffi.ts. */
  addressOf(bytes: Uint8Array): number;

  /** For flags without O_CREAT: no mode is passed. */
  open(path: string, flags: number): number;
  close(fd: number): number;
  /** The same for what has the kernel wait when it is closed: this thread goes on meanwhile. */
  closeWaiting(fd: number): Promise<number>;
  fcntl(fd: number, command: number, argument: number): number;
  /** With a structure, as an array or by its address. */
  ioctl(fd: number, request: number, argument: Uint8Array | number): number;
  /** For the requests that take the number itself in place of a structure, such as TUNSETOFFLOAD. */
  ioctlInt(fd: number, request: number, value: number): number;

  read(fd: number, address: number, bytes: number): number;
  write(fd: number, address: number, bytes: number): number;
  readBytes(fd: number, bytes: Uint8Array): number;
  writeBytes(fd: number, bytes: Uint8Array): number;
  /** @param iovecs address of `count` structures (abi/socket.ts: IOVEC) */
  readv(fd: number, iovecs: number, count: number): number;
  writev(fd: number, iovecs: number, count: number): number;

  socket(domain: number, type: number, protocol: number): number;
  /** Two that are connected to each other. @param fds gets both descriptors */
  socketpair(domain: number, type: number, protocol: number, fds: Int32Array): number;
  bind(fd: number, sockaddr: Uint8Array, length: number): number;
  /** Gives the length of the address read. */
  getsockname(fd: number, sockaddr: Uint8Array): number;
  connect(fd: number, sockaddr: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  /** The peer's address is not asked for. */
  accept(fd: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  /** The same for options that have the kernel wait: this thread goes on meanwhile. */
  setsockoptWaiting(fd: number, level: number, option: number, value: Uint8Array): Promise<number>;
  /** Gives the length of the value read. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  recv(fd: number, address: number, bytes: number, flags: number): number;
  send(fd: number, address: number, bytes: number, flags: number): number;
  recvBytes(fd: number, bytes: Uint8Array, flags: number): number;
  sendBytes(fd: number, bytes: Uint8Array, flags: number): number;
  /** @param message one structure (abi/socket.ts: MSGHDR), whose `controllen` and `flags` are set anew */
  recvmsg(fd: number, message: Uint8Array, flags: number): number;
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  /**
   * Gives the number of messages sent; stops in front of the first that fails, whose error shows when it comes first.
   * @param messages address of `count` structures (abi/socket.ts: MMSGHDR)
   */
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;

  mmap(address: number, bytes: number, protection: number, flags: number, fd: number, offset: number): number;
  munmap(address: number, bytes: number): number;
  madvise(address: number, bytes: number, advice: number): number;
  /** @param name for /proc/self/maps only */
  memfdCreate(name: string, flags: number): number;
  /** Bytes of a page. */
  getpagesize(): number;

  eventfd(initial: number, flags: number): number;
  epollCreate(flags: number): number;
  /** @param event one structure (abi/epoll.ts: EPOLL_EVENT), null for EPOLL_CTL_DEL */
  epollCtl(epfd: number, operation: number, fd: number, event: Uint8Array | null): number;
  /** @param timeoutMs -1 waits for ever, which no worker may (limits.ts: WORKER_WAIT_MS_MAX) */
  epollWait(epfd: number, events: number, count: number, timeoutMs: number): number;

  /** @param timespec address of one structure (abi/time.ts: TIMESPEC) */
  clockGettime(clock: number, timespec: number): number;
  /** @param params struct io_uring_params (abi/io-uring.ts: IO_URING_PARAMS), read and written */
  ioUringSetup(entries: number, params: Uint8Array): number;
  /** Gives the number of entries that the kernel took from the submission queue. */
  ioUringEnter(fd: number, submit: number, complete: number, flags: number): number;

  /** A descriptor of the process; Linux 5.3. */
  pidfdOpen(pid: number): number;
  /** A copy of one of its descriptors; Linux 5.6. */
  pidfdGetfd(pidfd: number, fd: number): number;
  /** _exit(2): ends the process at once, whatever its threads do. */
  exit(status: number): void;
  /** Lets others have the processor that wait for it. */
  schedYield(): number;
  /** Moves the calling thread to another namespace. */
  setns(fd: number, type: number): number;
  /** For the options that take one number; of the calling thread, as all of capabilities(7). */
  prctl(option: number, argument: number): number;
  /** @param header and @param data structures (abi/capability.ts: CAP_HEADER, twice CAP_DATA) */
  capset(header: Uint8Array, data: Uint8Array): number;
  /** @param attributes the part of union bpf_attr that the command uses; the kernel takes the rest for zero */
  bpf(command: number, attributes: Uint8Array): number;
}

export function bindSyscalls(ffi: Ffi): Syscalls {
  const ioctlBytes = ffi.bind('ioctl', 'int', ['int', 'long', 'bytes']);
  const ioctlInt = ffi.bind('ioctl', 'int', ['int', 'long', 'long']);
  const readBytes = ffi.bind('read', 'long', ['int', 'bytes', 'long']);
  const writeBytes = ffi.bind('write', 'long', ['int', 'bytes', 'long']);
  const recvBytes = ffi.bind('recv', 'long', ['int', 'bytes', 'long', 'int']);
  const sendBytes = ffi.bind('send', 'long', ['int', 'bytes', 'long', 'int']);
  const setsockopt = ffi.bind('setsockopt', 'int', ['int', 'int', 'int', 'bytes', 'uint']);
  const setsockoptWaiting = ffi.bindWaiting('setsockopt', 'int', ['int', 'int', 'int', 'bytes', 'uint']);
  const getsockopt = ffi.bind('getsockopt', 'int', ['int', 'int', 'int', 'bytes', 'bytes']);
  const socketpair = ffi.bind('socketpair', 'int', ['int', 'int', 'int', 'bytes']);
  const getsockname = ffi.bind('getsockname', 'int', ['int', 'bytes', 'bytes']);
  const accept = ffi.bind('accept', 'int', ['int', 'bytes', 'bytes']);
  const prctl = ffi.bind('prctl', 'int', ['int', 'long', 'long', 'long', 'long']);
  const pidfdOpen = ffi.bind('syscall', 'long', ['long', 'int', 'uint']);
  const pidfdGetfd = ffi.bind('syscall', 'long', ['long', 'int', 'int', 'uint']);
  const bpf = ffi.bind('syscall', 'long', ['long', 'int', 'bytes', 'uint']);
  const ioUringSetup = ffi.bind('syscall', 'long', ['long', 'uint', 'bytes']);
  const ioUringEnter = ffi.bind('syscall', 'long', ['long', 'int', 'uint', 'uint', 'uint', 'address']);
  return {
    addressOf: (bytes) => ffi.addressOf(bytes),

    open: ffi.bind('open', 'int', ['string', 'int']),
    close: ffi.bind('close', 'int', ['int']),
    closeWaiting: ffi.bindWaiting('close', 'int', ['int']),
    fcntl: ffi.bind('fcntl', 'int', ['int', 'int', 'long']),
    ioctl: (fd, request, argument) =>
      typeof argument === 'number' ? ioctlInt(fd, request, argument) : ioctlBytes(fd, request, argument),
    ioctlInt,

    read: ffi.bind('read', 'long', ['int', 'address', 'long']),
    write: ffi.bind('write', 'long', ['int', 'address', 'long']),
    readBytes: (fd, bytes) => readBytes(fd, bytes, bytes.length),
    writeBytes: (fd, bytes) => writeBytes(fd, bytes, bytes.length),
    readv: ffi.bind('readv', 'long', ['int', 'address', 'int']),
    writev: ffi.bind('writev', 'long', ['int', 'address', 'int']),

    socket: ffi.bind('socket', 'int', ['int', 'int', 'int']),
    socketpair: (domain, type, protocol, fds) => socketpair(domain, type, protocol, bytesOf(fds)),
    bind: ffi.bind('bind', 'int', ['int', 'bytes', 'uint']),
    getsockname(fd, sockaddr) {
      const length = new Uint32Array([sockaddr.length]);
      const result = getsockname(fd, sockaddr, bytesOf(length));
      return result < 0 ? result : length[0]!;
    },
    connect: ffi.bind('connect', 'int', ['int', 'bytes', 'uint']),
    listen: ffi.bind('listen', 'int', ['int', 'int']),
    accept: (fd) => accept(fd, null, null),
    setsockopt: (fd, level, option, value) => setsockopt(fd, level, option, value, value.length),
    setsockoptWaiting: (fd, level, option, value) => setsockoptWaiting(fd, level, option, value, value.length),
    getsockopt(fd, level, option, value) {
      const length = new Uint32Array([value.length]);
      const result = getsockopt(fd, level, option, value, bytesOf(length));
      return result < 0 ? result : length[0]!;
    },
    recv: ffi.bind('recv', 'long', ['int', 'address', 'long', 'int']),
    send: ffi.bind('send', 'long', ['int', 'address', 'long', 'int']),
    recvBytes: (fd, bytes, flags) => recvBytes(fd, bytes, bytes.length, flags),
    sendBytes: (fd, bytes, flags) => sendBytes(fd, bytes, bytes.length, flags),
    recvmsg: ffi.bind('recvmsg', 'long', ['int', 'bytes', 'int']),
    sendmsg: ffi.bind('sendmsg', 'long', ['int', 'bytes', 'int']),
    sendmmsg: ffi.bind('sendmmsg', 'int', ['int', 'address', 'uint', 'int']),

    mmap: ffi.bind('mmap', 'address', ['address', 'long', 'int', 'int', 'int', 'long']),
    munmap: ffi.bind('munmap', 'int', ['address', 'long']),
    madvise: ffi.bind('madvise', 'int', ['address', 'long', 'int']),
    memfdCreate: ffi.bind('memfd_create', 'int', ['string', 'uint']),
    getpagesize: ffi.bind('getpagesize', 'int', []),

    eventfd: ffi.bind('eventfd', 'int', ['uint', 'int']),
    epollCreate: ffi.bind('epoll_create1', 'int', ['int']),
    epollCtl: ffi.bind('epoll_ctl', 'int', ['int', 'int', 'int', 'bytes']),
    epollWait: ffi.bind('epoll_wait', 'int', ['int', 'address', 'int', 'int']),

    clockGettime: ffi.bind('clock_gettime', 'int', ['int', 'address']),
    ioUringSetup: (entries, params) => ioUringSetup(SYS_IO_URING_SETUP, entries, params),
    ioUringEnter: (fd, submit, complete, flags) => ioUringEnter(SYS_IO_URING_ENTER, fd, submit, complete, flags, 0),

    pidfdOpen: (pid) => pidfdOpen(SYS_PIDFD_OPEN, pid, 0),
    pidfdGetfd: (pidfd, fd) => pidfdGetfd(SYS_PIDFD_GETFD, pidfd, fd, 0),
    exit: ffi.bind('_exit', 'int', ['int']),
    schedYield: ffi.bind('sched_yield', 'int', []),
    setns: ffi.bind('setns', 'int', ['int', 'int']),
    prctl: (option, argument) => prctl(option, argument, 0, 0, 0),
    capset: ffi.bind('capset', 'int', ['bytes', 'bytes']),
    bpf: (command, attributes) => bpf(SYS_BPF, command, attributes, attributes.length),
  };
}

function bytesOf(words: Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

export const ffi: Ffi = chooseFfi();
export const sys: Syscalls = bindSyscalls(ffi);

const NAMES = new Map(Object.entries(errnos).map(([name, number]) => [number, name]));

/** 'EPERM' for 1; for a number nobody knows, 'errno 999'. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** A system call that failed, for the control plane. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  /** What was called, such as `mmap` or `ioctl TUNSETIFF`. */
  readonly call: string;
  /** Positive, see abi/errno.ts. */
  readonly errno: number;

  constructor(call: string, errno: number, detail: string = getSystemErrorMessage(-errno)) {
    super(`${call}: ${errnoName(errno)} (${detail})`);
    this.call = call;
    this.errno = errno;
  }
}

/** Gives `result` back; throws SyscallError where it is -errno. */
export function check(call: string, result: number): number {
  if (result < 0) throw new SyscallError(call, -result);
  return result;
}
