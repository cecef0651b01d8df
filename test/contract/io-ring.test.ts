/** src/ports/io-ring.ts on the running kernel: what an io_uring carries out, refuses and leaves alone. */
import { release } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EAGAIN, EBADF, EFAULT } from '../../native-bindings/abi/errno.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../native-bindings/abi/eventfd.ts';
import { O_CLOEXEC } from '../../native-bindings/abi/fcntl.ts';
import { IOVEC } from '../../native-bindings/abi/socket.ts';
import { Arena, ARENA_BYTES_MIN } from '../../native-bindings/arena.ts';
import { check, ffi, sys } from '../../native-bindings/syscalls.ts';
import { IO_RING_ENTRIES, IoRing } from '../../src/ports/io-ring.ts';
import { IoRingSocket } from '../../src/ports/open-io-ring.ts';

const COUNTER_BYTES = 8;
const MEMORY_BYTES = 64 * 1024;

const libcPipe = ffi.bind('pipe2', 'int', ['bytes', 'int']);
const opened: number[] = [];
let arena: Arena;
let socket: IoRingSocket | null = null;
let ring: IoRing;
let memoryAt: number;

beforeEach((context) => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  context.skip(major < 6 || (major === 6 && minor < 5), 'needs Linux 6.5');
  arena = Arena.create(ARENA_BYTES_MIN);
  socket = IoRingSocket.open(arena);
  ring = new IoRing(arena, socket.place);
  memoryAt = arena.allocate(MEMORY_BYTES).offset;
});
afterEach(() => {
  socket?.close();
  socket = null;
  for (const fd of opened.splice(0)) sys.close(fd);
});

function keep(call: string, fd: number): number {
  opened.push(check(call, fd));
  return fd;
}

/** Reading it gives the sum of what was written, and sets it to 0; with nothing to give it refuses. */
function counter(): number {
  return keep('eventfd', sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/** Not O_NONBLOCK: read(2) would wait for ever. */
function emptyPipe(): [number, number] {
  const fds = new Int32Array(2);
  check('pipe2', libcPipe(new Uint8Array(fds.buffer), O_CLOEXEC));
  return [keep('pipe2', fds[0]!), keep('pipe2', fds[1]!)];
}

function view(at: number): DataView {
  return new DataView(arena.sab, at, COUNTER_BYTES);
}

function put(at: number, value: number): void {
  view(at).setBigUint64(0, BigInt(value), true);
}

function got(at: number): number {
  return Number(view(at).getBigUint64(0, true));
}

function results(count: number): number[] {
  return [...ring.result.subarray(0, count)];
}

test('carries entries out in the order they were added', () => {
  const fd = counter();
  put(memoryAt, 3);
  put(memoryAt + 8, 4);
  ring.write(fd, memoryAt, COUNTER_BYTES);
  ring.write(fd, memoryAt + 8, COUNTER_BYTES);
  ring.read(fd, memoryAt + 16, COUNTER_BYTES);
  ring.write(fd, memoryAt, COUNTER_BYTES);
  ring.read(fd, memoryAt + 24, COUNTER_BYTES);
  ring.submit();
  expect(results(5)).toEqual([8, 8, 8, 8, 8]);
  expect([got(memoryAt + 16), got(memoryAt + 24)]).toEqual([7, 3]);
});

test('one that is refused has its errno, and keeps nobody else from being carried out', () => {
  const fd = counter();
  const gone = arena.allocate(COUNTER_BYTES);
  arena.release(gone);
  put(memoryAt, 5);
  ring.read(fd, memoryAt + 8, COUNTER_BYTES);
  ring.write(-1, memoryAt, COUNTER_BYTES);
  ring.write(fd, memoryAt, COUNTER_BYTES);
  ring.write(fd, gone.offset, COUNTER_BYTES);
  ring.read(fd, memoryAt + 8, COUNTER_BYTES);
  ring.submit();
  expect(results(5)).toEqual([-EAGAIN, -EBADF, 8, -EFAULT, 8]);
  expect(got(memoryAt + 8)).toBe(5);
});

test('never waits, and leaves nothing behind that would take what comes later', () => {
  const [from, to] = emptyPipe();
  for (let k = 0; k < IO_RING_ENTRIES; k++) ring.read(from, memoryAt, 100);
  ring.submit();
  expect(results(IO_RING_ENTRIES)).toEqual(Array(IO_RING_ENTRIES).fill(-EAGAIN));
  arena.bytes.fill(7, memoryAt + 200, memoryAt + 300);
  check('write', sys.write(to, arena.address + memoryAt + 200, 100));
  expect(arena.bytes[memoryAt]).toBe(0);
  expect(sys.read(from, arena.address + memoryAt, 100)).toBe(100);
});

test('takes a list of parts, as writev does', () => {
  const [from, to] = emptyPipe();
  arena.bytes.set(new TextEncoder().encode('head and payload'), memoryAt + 100);
  const parts: [number, number][] = [
    [memoryAt + 100, 5],
    [memoryAt + 109, 7],
  ];
  const vectors = new DataView(arena.sab, memoryAt, 2 * IOVEC.size);
  parts.forEach(([at, bytes], k) => {
    vectors.setBigUint64(k * IOVEC.size + IOVEC.base, BigInt(arena.address + at), true);
    vectors.setBigUint64(k * IOVEC.size + IOVEC.len, BigInt(bytes), true);
  });
  ring.writev(to, memoryAt, 2);
  ring.read(from, memoryAt + 200, 100);
  ring.submit();
  expect(results(2)).toEqual([12, 12]);
  expect(new TextDecoder().decode(arena.bytes.slice(memoryAt + 200, memoryAt + 212))).toBe('head payload');
});

test('goes round its queues many times, by batches of any size', () => {
  const fd = counter();
  let [written, read] = [0, 0];
  for (let round = 0; round < 500; round++) {
    const count = 1 + ((round * 37) % (IO_RING_ENTRIES - 1));
    for (let k = 0; k < count; k++) {
      put(memoryAt + k * COUNTER_BYTES, round + k + 1);
      written += round + k + 1;
      ring.write(fd, memoryAt + k * COUNTER_BYTES, COUNTER_BYTES);
    }
    ring.read(fd, memoryAt + 1024, COUNTER_BYTES);
    expect(ring.full).toBe(count + 1 === IO_RING_ENTRIES);
    ring.submit();
    expect(results(count + 1)).toEqual(Array(count + 1).fill(COUNTER_BYTES));
    read += got(memoryAt + 1024);
  }
  expect(read).toBe(written);
});

test('who takes it over forgets what was added and not submitted', () => {
  const fd = counter();
  put(memoryAt, 1);
  ring.write(fd, memoryAt, COUNTER_BYTES);
  ring.submit();
  for (let k = 0; k < 10; k++) ring.write(fd, memoryAt, COUNTER_BYTES);
  ring = new IoRing(arena, socket!.place);
  ring.read(fd, memoryAt + 8, COUNTER_BYTES);
  ring.read(fd, memoryAt + 16, COUNTER_BYTES);
  ring.submit();
  expect(results(2)).toEqual([8, -EAGAIN]);
  expect(got(memoryAt + 8)).toBe(1);
});
