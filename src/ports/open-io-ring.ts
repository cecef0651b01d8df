/**
 * The control plane's side of a worker's io_uring: sets it up in the worker's arena, and finds out whether it can be used
 * here: it may be switched off (sysctl kernel.io_uring_disabled), filtered (seccomp, as in containers), or too old.
 */
import { EAGAIN } from '../../native-bindings/abi/errno.ts';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../native-bindings/abi/eventfd.ts';
import { IO_URING_PARAMS, IORING_SETUP_NO_MMAP, IORING_SETUP_SUBMIT_ALL } from '../../native-bindings/abi/io-uring.ts';
import type { Arena } from '../../native-bindings/arena.ts';
import { check, SyscallError, sys } from '../../native-bindings/syscalls.ts';
import type { IoRingPlace } from '../shared/worker-start.ts';
import { IO_RING_ENTRIES, IoRing } from './io-ring.ts';

/** Kernels before 6.10 want each queue's memory physically in one piece: a page is. */
const QUEUE_BYTES = 4096;
const EVENTFD_BYTES = 8;

export class IoRingSocket {
  readonly place: IoRingPlace;

  private constructor(place: IoRingPlace) {
    this.place = place;
  }

  /** Throws SyscallError where this system has no io_uring that does what `IoRing` needs: Linux 6.5; TAPs know RWF_NOWAIT since 6.4. */
  static open(arena: Arena): IoRingSocket {
    const rings = arena.allocateShared(QUEUE_BYTES, 'control');
    const sqes = arena.allocateShared(QUEUE_BYTES, 'control');
    try {
      const socket = new IoRingSocket(setUp(arena, rings.offset, sqes.offset));
      try {
        socket.#prove(arena);
        return socket;
      } catch (error) {
        socket.close();
        throw error;
      }
    } catch (error) {
      arena.release(rings);
      arena.release(sqes);
      throw error;
    }
  }

  /** After the worker has ended. Its memory goes with the arena. */
  close(): void {
    sys.close(this.place.fd);
  }

  /** Reads, through the ring, what has nothing to give: a filter that lets a ring be set up but not entered shows. */
  #prove(arena: Arena): void {
    const ring = new IoRing(arena, this.place);
    const empty = check('eventfd', sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    try {
      ring.read(empty, this.place.sqesAt, EVENTFD_BYTES);
      ring.submit();
      const [refusal = 0] = ring.result;
      if (refusal !== -EAGAIN) throw new SyscallError('io_uring_enter', -refusal);
    } finally {
      sys.close(empty);
    }
  }
}

function setUp(arena: Arena, ringsAt: number, sqesAt: number): IoRingPlace {
  const params = new DataView(new ArrayBuffer(IO_URING_PARAMS.size));
  params.setUint32(IO_URING_PARAMS.flags, IORING_SETUP_NO_MMAP | IORING_SETUP_SUBMIT_ALL, true);
  params.setBigUint64(IO_URING_PARAMS.sqUserAddr, BigInt(arena.address + sqesAt), true);
  params.setBigUint64(IO_URING_PARAMS.cqUserAddr, BigInt(arena.address + ringsAt), true);
  const fd = check('io_uring_setup', sys.ioUringSetup(IO_RING_ENTRIES, new Uint8Array(params.buffer)));
  const field = (at: number): number => params.getUint32(at, true);
  // Entry k of the queue is the kth of the array of entries, for ever.
  const array = new Uint32Array(arena.sab, ringsAt + field(IO_URING_PARAMS.sqArray), IO_RING_ENTRIES);
  array.forEach((_, k) => (array[k] = k));
  return {
    fd,
    ringsAt,
    sqesAt,
    sqHead: field(IO_URING_PARAMS.sqHead),
    sqTail: field(IO_URING_PARAMS.sqTail),
    cqHead: field(IO_URING_PARAMS.cqHead),
    cqTail: field(IO_URING_PARAMS.cqTail),
    cqes: field(IO_URING_PARAMS.cqCqes),
    cqEntries: field(IO_URING_PARAMS.cqEntries),
  };
}
