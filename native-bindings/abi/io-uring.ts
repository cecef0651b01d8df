/** io_uring (linux/io_uring.h). Both rings are memory that the kernel and a worker share; see io_uring(7). */
import type { Newer } from './newer.ts';

export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;

/** Setup: an entry that is refused does not keep those behind it from being carried out. */
export const IORING_SETUP_SUBMIT_ALL = 0x80;
/** Setup: the rings lie where `sqUserAddr` and `cqUserAddr` say, instead of being mapped afterwards. */
export const IORING_SETUP_NO_MMAP = 0x4000;

export const IORING_OP_WRITEV = 2;
export const IORING_OP_READ = 22;
export const IORING_OP_WRITE = 23;
/** In `rwFlags` (linux/fs.h): EAGAIN instead of waiting; EOPNOTSUPP for a file that may wait in spite of it. */
export const RWF_NOWAIT = 8;

/** struct io_uring_params. `sq…` and `cq…` say where in the rings' memory things lie, once it is set up. */
export const IO_URING_PARAMS = {
  size: 120,
  sqEntries: 0,
  cqEntries: 4,
  flags: 8,
  sqHead: 40,
  sqTail: 44,
  sqRingMask: 48,
  sqArray: 64,
  sqUserAddr: 72,
  cqHead: 80,
  cqTail: 84,
  cqRingMask: 88,
  cqCqes: 100,
  cqUserAddr: 112,
} as const;

/** struct io_uring_sqe: an entry of the submission queue. */
export const IO_URING_SQE = {
  size: 64,
  opcode: 0,
  fd: 4,
  off: 8,
  addr: 16,
  len: 24,
  rwFlags: 28,
  userData: 32,
} as const;

/** struct io_uring_cqe: an entry of the completion queue. */
export const IO_URING_CQE = { size: 16, userData: 0, res: 8 } as const;

export const NEWER: Newer = {
  IORING_SETUP_NO_MMAP: { value: 0x4000, since: '6.5', source: 'linux/io_uring.h' },
};
