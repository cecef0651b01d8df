/** What native-bindings/ffi/ffi.ts promises, of both libraries, against the real libc and kernel. */
import { existsSync, mkdtempSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_EVENT, EPOLLIN } from '../../native-bindings/abi/epoll.ts';
import * as errno from '../../native-bindings/abi/errno.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../native-bindings/abi/eventfd.ts';
import { F_GETFD, FD_CLOEXEC, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR } from '../../native-bindings/abi/fcntl.ts';
import { TUNGETIFF } from '../../native-bindings/abi/if-tun.ts';
import { IO_URING_PARAMS } from '../../native-bindings/abi/io-uring.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, MFD_CLOEXEC, PROT_READ } from '../../native-bindings/abi/mman.ts';
import { CLONE_NEWNET } from '../../native-bindings/abi/sched.ts';
import * as socket from '../../native-bindings/abi/socket.ts';
import { openFfiRs } from '../../native-bindings/ffi/ffi-rs.ts';
import { openKoffi } from '../../native-bindings/ffi/koffi.ts';
import { bindSyscalls, check } from '../../native-bindings/syscalls.ts';

const directory = mkdtempSync(join(tmpdir(), 'ffi-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe.each([
  { name: 'koffi', open: openKoffi },
  { name: 'ffi-rs', open: openFfiRs },
])('$name', ({ name, open }) => {
  const ffi = open();
  const sys = bindSyscalls(ffi);
  const libcPipe = ffi.bind('pipe2', 'int', ['bytes', 'int']);
  const libcSocketpair = ffi.bind('socketpair', 'int', ['int', 'int', 'int', 'bytes']);
  const opened: number[] = [];

  afterEach(() => {
    for (const fd of opened.splice(0)) sys.close(fd);
  });

  function keep(call: string, fd: number): number {
    opened.push(check(call, fd));
    return fd;
  }

  function pair(call: (fds: Uint8Array) => number): [number, number] {
    const fds = new Int32Array(2);
    check('pair', call(new Uint8Array(fds.buffer)));
    return [keep('pair', fds[0]!), keep('pair', fds[1]!)];
  }

  const pipe = (): [number, number] => pair((fds) => libcPipe(fds, O_CLOEXEC | O_NONBLOCK));
  const datagramPair = (): [number, number] =>
    pair((fds) => libcSocketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0, fds));
  const eventfd = (initial = 0): number => keep('eventfd', sys.eventfd(initial, EFD_CLOEXEC | EFD_NONBLOCK));

  test('says its name', () => expect(ffi.name).toBe(name));

  describe('errno', () => {
    const nothing = new Uint8Array(64);
    const NO_MEMORY = 1; // An address where nothing is ever mapped.

    test.each<[string, () => number, number]>([
      ['close of no descriptor', () => sys.close(-1), errno.EBADF],
      ['fcntl of no descriptor', () => sys.fcntl(-1, F_GETFD, 0), errno.EBADF],
      ['sendmmsg of no descriptor', () => sys.sendmmsg(-1, NO_MEMORY, 1, 0), errno.EBADF],
      ['readv of no descriptor', () => sys.readv(-1, NO_MEMORY, 1), errno.EBADF],
      ['setns to no descriptor', () => sys.setns(-1, CLONE_NEWNET), errno.EBADF],
      ['setns to what is no namespace', () => sys.setns(eventfd(), CLONE_NEWNET), errno.EINVAL],
      ['open of nothing', () => sys.open('/no/such/file', O_RDONLY), errno.ENOENT],
      ['open of nothing, by an empty name', () => sys.open('', O_RDONLY), errno.ENOENT],
      ['open below a file', () => sys.open('/dev/null/below', O_RDONLY), errno.ENOTDIR],
      ['open of a directory for writing', () => sys.open('/', O_RDWR), errno.EISDIR],
      ['open of a long name', () => sys.open('x'.repeat(300), O_RDONLY), errno.ENAMETOOLONG],
      ['ioctl of what is no TAP, with bytes', () => sys.ioctl(pipe()[0], TUNGETIFF, nothing), errno.ENOTTY],
      ['ioctl of what is no TAP, with a number', () => sys.ioctlInt(pipe()[0], TUNGETIFF, 0), errno.ENOTTY],
      ['mmap of nothing', () => sys.mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), errno.EINVAL],
      ['mmap of no descriptor', () => sys.mmap(0, 4096, PROT_READ, MAP_PRIVATE, -1, 0), errno.EBADF],
      ['mmap of too much', () => sys.mmap(0, 2 ** 50, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), errno.ENOMEM],
      ['munmap off a page', () => sys.munmap(NO_MEMORY, 4096), errno.EINVAL],
      ['read of an empty pipe', () => sys.readBytes(pipe()[0], nothing), errno.EAGAIN],
      ['read to no memory', () => sys.read(eventfd(1), NO_MEMORY, 8), errno.EFAULT],
      ['write from no memory', () => sys.write(pipe()[1], NO_MEMORY, 8), errno.EFAULT],
      ['write of too little to an eventfd', () => sys.writeBytes(eventfd(), new Uint8Array(4)), errno.EINVAL],
      ['socket of no family', () => sys.socket(9999, socket.SOCK_DGRAM, 0), errno.EAFNOSUPPORT],
      ['send on what is no socket', () => sys.sendBytes(eventfd(), nothing, 0), errno.ENOTSOCK],
      ['recv of nothing', () => sys.recvBytes(datagramPair()[0], nothing, socket.MSG_DONTWAIT), errno.EAGAIN],
      ['getsockopt of no option', () => sys.getsockopt(datagramPair()[0], 1, 9999, nothing), errno.ENOPROTOOPT],
      ['setsockopt of too little', () => sys.setsockopt(datagramPair()[0], 1, 8, new Uint8Array(1)), errno.EINVAL],
      ['epoll_create of no flags', () => sys.epollCreate(12345), errno.EINVAL],
      ['epoll_wait on what is no epoll', () => sys.epollWait(eventfd(), NO_MEMORY, 1, 0), errno.EINVAL],
      ['bpf of no command', () => sys.bpf(9999, nothing), errno.EINVAL],
      ['prctl of no option', () => sys.prctl(9999, 0), errno.EINVAL],
      ['capset of no version', () => sys.capset(new Uint8Array(8), new Uint8Array(24)), errno.EINVAL],
      ['io_uring_setup of no entries', () => sys.ioUringSetup(0, new Uint8Array(IO_URING_PARAMS.size)), errno.EINVAL],
      ['io_uring_enter of no descriptor', () => sys.ioUringEnter(-1, 0, 0, 0), errno.EBADF],
    ])('%s', (_, call, expected) => {
      expect(call()).toBe(-expected);
    });

    test('connect to a port nobody listens on', () => {
      const closed = udpOrTcp(socket.SOCK_STREAM);
      const client = keep('socket', sys.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0));
      expect(sys.connect(client, closed.address, closed.address.length)).toBe(-errno.ECONNREFUSED);
      expect(sys.bind(client, closed.address, closed.address.length)).toBe(-errno.EADDRINUSE);
    });

    test('is never mixed up between interleaved calls, nor with those of Node', () => {
      const full = eventfd();
      for (let round = 0; round < 500; round++) {
        expect(sys.close(-1)).toBe(-errno.EBADF);
        expect(existsSync('/no/such/file')).toBe(false);
        expect(sys.open('/', O_RDWR)).toBe(-errno.EISDIR);
        expect(sys.writeBytes(full, new Uint8Array(8))).toBe(8);
        expect(sys.munmap(1, 4096)).toBe(-errno.EINVAL);
        expect(sys.getpagesize()).toBeGreaterThan(0);
        expect(sys.readBytes(full, new Uint8Array(8))).toBe(-errno.EAGAIN);
      }
    });
  });

  describe('binding', () => {
    test('refuses a function that libc does not have', () => {
      expect(() => ffi.bind('tswitch_no_such_function', 'int', [])).toThrow('tswitch_no_such_function');
    });

    test('refuses more than six parameters', () => {
      expect(() => ffi.bind('mmap', 'int', ['int', 'int', 'int', 'int', 'int', 'int', 'int'])).toThrow(RangeError);
    });
  });

  describe('numbers', () => {
    test('int is signed, uint is not', () => {
      expect(ffi.bind('abs', 'int', ['int'])(-2147483647)).toBe(2147483647);
      expect(ffi.bind('htonl', 'uint', ['uint'])(0xff)).toBe(0xff000000);
      expect(ffi.bind('htonl', 'int', ['uint'])(0xff)).toBe(-0x01000000);
      expect(ffi.bind('htonl', 'uint', ['uint'])(0xffffffff)).toBe(0xffffffff);
    });

    test('long is exact to 2^53', () => {
      const labs = ffi.bind('labs', 'long', ['long']);
      for (const value of [0, 1, 2 ** 31, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]) {
        expect(labs(value)).toBe(value);
        expect(labs(-value)).toBe(value);
      }
    });

    test('an address goes there and comes back', () => {
      const memcpy = ffi.bind('memcpy', 'address', ['address', 'address', 'long']);
      const highest = 2 ** 47 - 4096;
      expect(memcpy(highest, highest, 0)).toBe(highest);
    });
  });

  describe('strings', () => {
    const strlen = ffi.bind('strlen', 'long', ['string']);

    test('are UTF-8 and end with a zero', () => {
      expect(strlen('')).toBe(0);
      expect(strlen('Grüße, 交換機')).toBe(new TextEncoder().encode('Grüße, 交換機').length);
      const path = join(directory, `ß交-${name}`);
      writeFileSync(path, 'x');
      keep('open', sys.open(path, O_RDONLY | O_CLOEXEC));
    });

    test('with a zero inside are refused', () => {
      expect(() => strlen('one\0two')).toThrow(TypeError);
      expect(() => sys.open('/dev/null\0.txt', O_RDONLY)).toThrow(TypeError);
    });
  });

  describe('bytes', () => {
    test('are passed where they lie, whatever buffer they are part of', () => {
      const [reader, writer] = pipe();
      for (const buffer of [new ArrayBuffer(64), new SharedArrayBuffer(64)]) {
        const all = new Uint8Array(buffer);
        all.set([1, 2, 3, 4], 10);
        expect(sys.writeBytes(writer, all.subarray(10, 14))).toBe(4);
        expect(sys.readBytes(reader, all.subarray(40, 48))).toBe(4);
        expect([...all.subarray(39, 46)]).toEqual([0, 1, 2, 3, 4, 0, 0]);
      }
    });

    test('have an address, which system calls take as well', () => {
      const [reader, writer] = pipe();
      const all = new Uint8Array(64).fill(7);
      const part = all.subarray(17);
      expect(ffi.addressOf(part)).toBe(ffi.addressOf(all) + 17);
      expect(sys.write(writer, ffi.addressOf(part), 3)).toBe(3);
      all.fill(0);
      expect(sys.read(reader, ffi.addressOf(all) + 1, 64)).toBe(3);
      expect([...all.subarray(0, 5)]).toEqual([0, 7, 7, 7, 0]);
    });

    test('none have no address', () => expect(() => ffi.addressOf(new Uint8Array(0))).toThrow(RangeError));

    test('can be null', () => {
      expect(ffi.bind('memcpy', 'address', ['bytes', 'bytes', 'long'])(null, null, 0)).toBe(0);
    });
  });

  test('an eventfd adds up, and epoll tells of it', () => {
    const counter = eventfd(40);
    const epoll = keep('epoll_create1', sys.epollCreate(0));
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
    event.setUint32(EPOLL_EVENT.events, EPOLLIN, true);
    event.setUint32(EPOLL_EVENT.data, 1234, true);
    expect(sys.epollCtl(epoll, EPOLL_CTL_ADD, counter, new Uint8Array(event.buffer))).toBe(0);
    expect(sys.epollCtl(epoll, EPOLL_CTL_ADD, counter, new Uint8Array(event.buffer))).toBe(-errno.EEXIST);
    expect(sys.epollCtl(epoll, EPOLL_CTL_MOD, counter, null)).toBe(-errno.EFAULT);

    const two = new Uint8Array(new BigUint64Array([2n]).buffer);
    expect(sys.write(counter, ffi.addressOf(two), 8)).toBe(8);
    const found = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
    expect(sys.epollWait(epoll, ffi.addressOf(new Uint8Array(found.buffer)), 1, 0)).toBe(1);
    expect(found.getUint32(EPOLL_EVENT.events, true)).toBe(EPOLLIN);
    expect(found.getUint32(EPOLL_EVENT.data, true)).toBe(1234);

    const sum = new BigUint64Array(1);
    expect(sys.readBytes(counter, new Uint8Array(sum.buffer))).toBe(8);
    expect(sum[0]).toBe(42n);
    expect(sys.epollWait(epoll, ffi.addressOf(new Uint8Array(found.buffer)), 1, 10)).toBe(0);
    expect(sys.epollCtl(epoll, EPOLL_CTL_DEL, counter, null)).toBe(0);
    expect(sys.epollCtl(epoll, EPOLL_CTL_DEL, counter, null)).toBe(-errno.ENOENT);
  });

  test('a descriptor that Node may use as well', () => {
    const file = keep('memfd_create', ffi.bind('memfd_create', 'int', ['string', 'uint'])('ffi', MFD_CLOEXEC));
    expect(sys.fcntl(file, F_GETFD, 0)).toBe(FD_CLOEXEC);
    expect(sys.writeBytes(file, Uint8Array.of(1, 2, 3))).toBe(3);
    const read = new Uint8Array(3);
    expect(readSync(file, read, { position: 0 })).toBe(3);
    expect([...read]).toEqual([1, 2, 3]);
    // 64-bit offsets, as arguments and as results.
    expect(ffi.bind('lseek', 'long', ['int', 'long', 'int'])(file, 2 ** 40 + 1, 0)).toBe(2 ** 40 + 1);
  });

  test('a call that waits leaves this thread free, and tells errno of its own', async () => {
    const [output, input] = pair((fds) => libcPipe(fds, O_CLOEXEC));
    const read = ffi.bindWaiting('read', 'long', ['int', 'bytes', 'long']);
    const bytes = new Uint8Array(8);
    const waiting = read(output, bytes, bytes.length);
    const failures = await Promise.all([
      read(-1, bytes, 8),
      sys.setsockoptWaiting(output, socket.SOL_SOCKET, socket.SO_RCVBUF, new Uint8Array(4)),
      read(input, bytes, 8),
    ]);
    expect(failures).toEqual([-errno.EBADF, -errno.ENOTSOCK, -errno.EBADF]);
    expect(sys.writeBytes(input, Uint8Array.of(1, 2, 3))).toBe(3);
    expect(await waiting).toBe(3);
    expect([...bytes]).toEqual([1, 2, 3, 0, 0, 0, 0, 0]);
    const [one] = datagramPair();
    expect(await sys.setsockoptWaiting(one, socket.SOL_SOCKET, socket.SO_RCVBUF, Uint8Array.of(0, 0x20, 0, 0))).toBe(0);
  });

  test('socket options keep their length', () => {
    const [one] = datagramPair();
    const value = new Uint8Array(16);
    expect(sys.setsockopt(one, socket.SOL_SOCKET, socket.SO_RCVBUF, Uint8Array.of(0, 0x20, 0, 0))).toBe(0);
    expect(sys.getsockopt(one, socket.SOL_SOCKET, socket.SO_RCVBUF, value)).toBe(4);
    expect(new DataView(value.buffer).getInt32(0, true)).toBe(0x4000); // The kernel doubles it: socket(7).
  });

  /** A socket bound to a port of its own on the loopback address. */
  function udpOrTcp(type: number): { fd: number; address: Uint8Array } {
    const fd = keep('socket', sys.socket(socket.AF_INET, type | socket.SOCK_CLOEXEC, 0));
    const address = new Uint8Array(16);
    address.set([socket.AF_INET, 0, 0, 0, 127, 0, 0, 1]);
    check('bind', sys.bind(fd, address, address.length));
    const length = Uint8Array.of(address.length, 0, 0, 0);
    check('getsockname', ffi.bind('getsockname', 'int', ['int', 'bytes', 'bytes'])(fd, address, length));
    return { fd, address };
  }

  describe('sendmmsg', () => {
    const { IOVEC, MMSGHDR } = socket;
    const memory = new Uint8Array(4096);
    const view = new DataView(memory.buffer);
    const IOVECS = 1024;
    const PAYLOAD = 2048;
    let base = 0;

    beforeAll(() => {
      base = ffi.addressOf(memory);
    });

    /** Message `i` of two pieces each: `payload` bytes from PAYLOAD on. */
    function message(i: number, pieces: readonly [number, number][]): void {
      const iovecs = IOVECS + i * 4 * IOVEC.size;
      view.setBigUint64(i * MMSGHDR.size + MMSGHDR.iov, BigInt(base + iovecs), true);
      view.setBigUint64(i * MMSGHDR.size + MMSGHDR.iovlen, BigInt(pieces.length), true);
      for (const [k, [at, length]] of pieces.entries()) {
        view.setBigUint64(iovecs + k * IOVEC.size + IOVEC.base, BigInt(at), true);
        view.setBigUint64(iovecs + k * IOVEC.size + IOVEC.len, BigInt(length), true);
      }
    }

    beforeAll(() => memory.set([10, 11, 12, 13, 14, 15, 16, 17], PAYLOAD));

    test('gathers every message from its pieces, over UDP', () => {
      const receiver = udpOrTcp(socket.SOCK_DGRAM);
      const sender = udpOrTcp(socket.SOCK_DGRAM);
      check('connect', sys.connect(sender.fd, receiver.address, receiver.address.length));
      const at = base + PAYLOAD;
      message(0, [
        [at, 2],
        [at + 6, 2],
      ]);
      message(1, [[at + 3, 1]]);
      expect(sys.sendmmsg(sender.fd, base, 2, socket.MSG_DONTWAIT)).toBe(2);
      expect(view.getUint32(MMSGHDR.len, true)).toBe(4);
      expect(view.getUint32(MMSGHDR.size + MMSGHDR.len, true)).toBe(1);

      const received = new Uint8Array(16);
      expect(sys.recv(receiver.fd, ffi.addressOf(received), 16, 0)).toBe(4);
      expect([...received.subarray(0, 4)]).toEqual([10, 11, 16, 17]);
      expect(sys.recvBytes(receiver.fd, received, 0)).toBe(1);
      expect(received[0]).toBe(13);
    });

    test('stops in front of a message that fails, and tells why when it comes first', () => {
      const [one, other] = datagramPair();
      message(0, [[base + PAYLOAD, 3]]);
      message(1, [[1, 3]]);
      message(2, [[base + PAYLOAD, 5]]);
      expect(sys.sendmmsg(one, base, 3, socket.MSG_DONTWAIT)).toBe(1);
      expect(sys.sendmmsg(one, base + MMSGHDR.size, 2, socket.MSG_DONTWAIT)).toBe(-errno.EFAULT);
      expect(sys.sendmmsg(one, base + 2 * MMSGHDR.size, 1, socket.MSG_DONTWAIT)).toBe(1);
      const received = new Uint8Array(16);
      expect(sys.recvBytes(other, received, 0)).toBe(3);
      expect(sys.recvBytes(other, received, 0)).toBe(5);
    });
  });
});

test('both libraries see one array at the same address', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(4096), 100);
  expect(openFfiRs().addressOf(shared)).toBe(openKoffi().addressOf(shared));
});
