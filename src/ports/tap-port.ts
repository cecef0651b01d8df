/**
 * A port over a TAP (linux/if_tun.h) that tswitch holds open and whose netdev lives in a namespace: one read and one write
 * per frame, each with its virtio-net header (IFF_VNET_HDR). For where io_uring cannot be had; tap-ring-port.ts has it.
 */
import { sys } from '../../native-bindings/syscalls.ts';
import type { Batch } from '../frame/batch.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import type { GatherList } from './gather-list.ts';
import { type Addresses, addresses, addressOf, type Memory } from './memory.ts';
import type { Port } from './port.ts';
import { READ_BYTES_MAX, TapEnd } from './tap-end.ts';

/** A whole batch of full-size frames, or a handful of super-frames. */
export const TAP_BUFFER_BYTES = 512 * 1024;
/** Frames start on cache lines of their own. */
const PLACE_BYTES = 64;

/**
 * What all TAPs of a worker are read into, frame behind frame: a batch is done with before the next one is received. The
 * addresses of all places are kept, as one that is computed would be allocated.
 */
export class TapBuffer {
  readonly at: number;
  readonly end: number;
  readonly #addresses: Addresses;

  /** @param at offset of TAP_BUFFER_BYTES in the memory */
  constructor(memory: Memory, at: number) {
    this.at = at;
    this.end = at + TAP_BUFFER_BYTES;
    this.#addresses = addresses(memory.address + at, PLACE_BYTES, TAP_BUFFER_BYTES / PLACE_BYTES);
  }

  /** Whether the offset is that of a place. */
  has(offset: number): boolean {
    return offset >= this.at && offset < this.end && (offset - this.at) % PLACE_BYTES === 0;
  }

  addressOf(offset: number): number {
    return addressOf(this.#addresses, (offset - this.at) / PLACE_BYTES);
  }
}

export class TapPort extends TapEnd implements Port {
  readonly #buffer: TapBuffer;

  /** @param receives whether this worker takes the TAP's frames */
  constructor(handle: number, fd: number, buffer: TapBuffer, receives: boolean) {
    super(handle, fd, receives);
    this.#buffer = buffer;
  }

  receive(batch: Batch): void {
    const buffer = this.#buffer;
    const last = buffer.end - READ_BYTES_MAX;
    let at = buffer.at;
    while (batch.count < batch.limit && at <= last) {
      const read = sys.read(this.fd, buffer.addressOf(at), READ_BYTES_MAX);
      if (read < 0) {
        // Drained (EAGAIN), or the netdev is gone, which shows in the port's state.
        this.readable = false;
        return;
      }
      const i = batch.count++;
      batch.offset[i] = at + VNET_HEADER_BYTES;
      batch.length[i] = read - VNET_HEADER_BYTES;
      batch.tpid[i] = 0;
      batch.tci[i] = 0;
      at += (read + PLACE_BYTES - 1) & -PLACE_BYTES;
    }
  }

  transmit(list: GatherList): void {
    for (let i = 0; i < list.count; i++) {
      const written = this.#write(list, i);
      list.status[i] = written < 0 ? -written : 0;
    }
  }

  /** A whole frame from another TAP goes out by write(2): the kernel has no iovec to fetch. */
  #write(list: GatherList, i: number): number {
    const at = list.partAt[2 * i]!;
    if (list.vectorCount(i) === 1 && this.#buffer.has(at)) {
      return sys.write(this.fd, this.#buffer.addressOf(at), list.partBytes[2 * i]!);
    }
    return sys.writev(this.fd, list.vectorAddress(i), list.vectorCount(i));
  }
}
