/** What a worker is started with: its number, the shared memory, and the descriptors it waits on. */
import type { MessagePort } from 'node:worker_threads';
import type { BoardBuffers } from './board.ts';

export interface WorkerStart {
  worker: number;
  board: BoardBuffers;
  fdb: SharedArrayBuffer;
  /** The worker's arena: rings, gather list and buffers lie in it; `address` is that of its first byte. */
  arena: { sab: SharedArrayBuffer; address: number };
  /** Offsets in the arena of memory that the worker itself uses. */
  gatherListAt: number;
  tapBufferAt: number;
  epollEventsAt: number;
  /** Descriptors of the control plane: what the worker waits on, and what wakes it. */
  epollFd: number;
  wakeFd: number;
  commands: MessagePort;
  /** What the monotonic clock showed at FDB tick 0, in milliseconds (as process.hrtime tells it). */
  clockStartMs: number;
}
