/** What a worker is started with: its number, the shared memory, and the descriptors it waits on. */
import type { MessagePort } from 'node:worker_threads';
import type { BoardBuffers } from './board.ts';

/** Where a worker's io_uring is: its descriptor, and offsets in the arena, those of the words within `ringsAt`. */
export interface IoRingPlace {
  fd: number;
  ringsAt: number;
  sqesAt: number;
  sqHead: number;
  sqTail: number;
  cqHead: number;
  cqTail: number;
  cqes: number;
  cqEntries: number;
}

/**
 * The epoll `data` of descriptors that a worker waits on for the control plane, as Node cannot: netlink sockets. They are
 * edge-triggered, and the worker never reads them. The data of others is a port's handle.
 */
export const FOR_CONTROL = 0xfffe;

export interface WorkerStart {
  worker: number;
  board: BoardBuffers;
  fdb: SharedArrayBuffer;
  /**
   * The worker's arena: rings, gather list and buffers lie in it. `address` is that of its first byte, and frames lie in the first
   * `framesBytes`.
   */
  arena: { sab: SharedArrayBuffer; address: number; framesBytes: number };
  /** Offsets in the arena of memory that the worker itself uses. */
  gatherListAt: number;
  gatherHeadsAt: number;
  tapBufferAt: number;
  logicBufferAt: number;
  /** Of the word that holds the id of the loaded logic that the worker is in, or 0; it stays in a worker that was ended. */
  inLogicAt: number;
  /** What TAPs are read and written through; null: by a system call per frame. */
  ioRing: IoRingPlace | null;
  epollEventsAt: number;
  /** Descriptors of the control plane: what the worker waits on, and what wakes it. */
  epollFd: number;
  wakeFd: number;
  commands: MessagePort;
  /** What the monotonic clock showed at FDB tick 0, in milliseconds (as process.hrtime tells it). */
  clockStartMs: number;
}
