/** The face of a port in the data path. Kinds differ in where frames come from and go to, in nothing else. */
import type { Batch } from '../frame/batch.ts';
import type { GatherList } from './gather-list.ts';

export interface Port {
  readonly handle: number;
  /**
   * Whether a frame can be had without a system call that may find nothing. A port that cannot tell by looking at memory
   * answers by what the last wait said (see `markReadable`).
   */
  pending(): boolean;
  /** The wait in the kernel found the port readable. */
  markReadable(): void;
  /**
   * The wait in the kernel found an error on a descriptor, and would find it again at once.
   * @returns whether it is dealt with; if not, the descriptors are not waited on any more
   */
  clearError(): boolean;
  /** Fills an empty batch with up to its limit: offset, length, tpid, tci. Their bytes stay until `release`. */
  receive(batch: Batch): void;
  /** From now on the frames of the last batch are the switch's: a worker that takes over does not receive them. */
  claim(): void;
  /**
   * They are done with; the kernel may have their memory back. Until then their bytes stay, whatever becomes of this worker: a
   * port that takes over is made with what the one before it had not released.
   */
  release(): void;
  /** Sends all messages of the list and sets each one's `status`: 0, or the errno it was refused with. Never blocks. */
  transmit(list: GatherList): void;
}
