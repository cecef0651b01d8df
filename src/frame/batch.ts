/**
 * A batch: what one port gave in one turn, as parallel arrays, so that no frame costs an object.
 *
 * A frame lies in `bytes` at `offset[i]` with its virtio-net header in the VNET_HEADER_BYTES before. Its outer VLAN tag
 * lies beside it, in `tpid[i]` and `tci[i]` (tpid 0: untagged), the way the kernel itself carries tags; `admit` moves a
 * tag that a port left in the bytes there. So `length[i]` never counts the outer tag, and pushing or popping one moves
 * nothing.
 */
import { BATCH_FRAMES_MAX } from '../limits.ts';

/** Memory of a batch's columns that say what was received. */
export const BATCH_COLUMN_BYTES = BATCH_FRAMES_MAX * (4 + 4 + 2 + 2);

export class Batch {
  /** The memory that every frame of this batch lies in. */
  readonly bytes: Uint8Array;
  /** Handle of the port the frames came from. */
  ingress = 0;
  count = 0;
  /** Frames that a port may put in at most. */
  limit = BATCH_FRAMES_MAX;
  readonly offset: Int32Array;
  /** Bytes; negative where the frame was cut, as it was longer than there is room for. */
  readonly length: Int32Array;
  readonly tpid: Uint16Array;
  readonly tci: Uint16Array;
  /** The VLAN a frame was classified into; 0 until then. */
  readonly vlan = new Uint16Array(BATCH_FRAMES_MAX);
  /** See switching/verdict.ts. */
  readonly verdict = new Int32Array(BATCH_FRAMES_MAX);

  /** @param columns BATCH_COLUMN_BYTES, where others are to see what was received */
  constructor(bytes: Uint8Array, columns: ArrayBufferLike = new ArrayBuffer(BATCH_COLUMN_BYTES), columnsAt = 0) {
    this.bytes = bytes;
    this.offset = new Int32Array(columns, columnsAt, BATCH_FRAMES_MAX);
    this.length = new Int32Array(columns, columnsAt + 4 * BATCH_FRAMES_MAX, BATCH_FRAMES_MAX);
    this.tpid = new Uint16Array(columns, columnsAt + 8 * BATCH_FRAMES_MAX, BATCH_FRAMES_MAX);
    this.tci = new Uint16Array(columns, columnsAt + 10 * BATCH_FRAMES_MAX, BATCH_FRAMES_MAX);
  }
}
