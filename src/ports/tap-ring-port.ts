/**
 * A port over a TAP that reads and writes through the worker's io_uring: one system call for a batch of reads, one for a
 * batch of writes. Which frames there are shows only afterwards, so every read has room for a super-frame.
 */
import type { Batch } from '../frame/batch.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import type { GatherList } from './gather-list.ts';
import { IO_RING_ENTRIES, type IoRing } from './io-ring.ts';
import type { Port } from './port.ts';
import { READ_BYTES_MAX, TapEnd } from './tap-end.ts';

/** An odd number of cache lines, so that the beginnings of frames do not all share a set of the cache. */
const PLACE_BYTES = 1025 * 64;
/** What the TAPs of a worker are read into. Only what frames have touched is resident. */
export const TAP_RING_BUFFER_BYTES = IO_RING_ENTRIES * PLACE_BYTES;
const READS_MIN = 4;
/** Of one batch, about: what is read should still be in the cache when it is written. */
const BATCH_BYTES = 256 * 1024;

export class TapRingPort extends TapEnd implements Port {
  readonly #ring: IoRing;
  readonly #buffer: number;
  /** How many reads are tried next: one that finds nothing costs a little, too. */
  #reads = READS_MIN;

  /**
   * @param buffer offset of TAP_RING_BUFFER_BYTES in the memory
   * @param receives whether this worker takes the TAP's frames
   */
  constructor(handle: number, fd: number, ring: IoRing, buffer: number, receives: boolean) {
    super(handle, fd, receives);
    this.#ring = ring;
    this.#buffer = buffer;
  }

  receive(batch: Batch): void {
    const { result } = this.#ring;
    const reads = Math.min(this.#reads, batch.limit);
    for (let k = 0; k < reads; k++) this.#ring.read(this.fd, this.#buffer + k * PLACE_BYTES, READ_BYTES_MAX);
    this.#ring.submit();
    let bytes = 0;
    // A frame may have come after a read in the middle found none.
    for (let k = 0; k < reads; k++) {
      const read = result[k]!;
      if (read < 0) continue;
      const i = batch.count++;
      batch.offset[i] = this.#buffer + k * PLACE_BYTES + VNET_HEADER_BYTES;
      batch.length[i] = read - VNET_HEADER_BYTES;
      batch.tpid[i] = 0;
      batch.tci[i] = 0;
      bytes += read;
    }
    // Drained (EAGAIN), or the netdev is gone, which shows in the port's state.
    if (result[reads - 1]! < 0) this.readable = false;
    this.#adapt(batch.count, bytes);
  }

  transmit(list: GatherList): void {
    const { result } = this.#ring;
    for (let first = 0; first < list.count; first += IO_RING_ENTRIES) {
      const end = Math.min(first + IO_RING_ENTRIES, list.count);
      for (let i = first; i < end; i++) this.#add(list, i);
      this.#ring.submit();
      for (let i = first; i < end; i++) {
        const written = result[i - first]!;
        list.status[i] = written < 0 ? -written : 0;
      }
    }
  }

  #add(list: GatherList, i: number): void {
    const parts = list.vectorCount(i);
    if (parts === 1) this.#ring.write(this.fd, list.partAt[2 * i]!, list.partBytes[2 * i]!);
    else this.#ring.writev(this.fd, list.vectorAt(i), parts);
  }

  /** One more read than there were frames tells that there are no more; if they were all needed, there may be many. */
  #adapt(frames: number, bytes: number): void {
    const wished = frames === this.#reads ? 2 * frames : frames + 1;
    const affordable = frames === 0 ? READS_MIN : Math.floor((BATCH_BYTES * frames) / bytes);
    this.#reads = Math.min(Math.max(Math.min(wished, affordable), READS_MIN), IO_RING_ENTRIES);
  }
}
