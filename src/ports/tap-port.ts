/**
 * A port over a TAP (linux/if_tun.h) that tswitch holds open and whose netdev lives in a namespace: one read and one write
 * per frame, each with its virtio-net header (IFF_VNET_HDR). Frames are read one behind the other into a buffer shared by
 * all TAPs of a worker, as a batch is done with before the next one is received.
 */
import { IOVEC } from '../../native-bindings/abi/socket.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import type { Batch } from '../frame/batch.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { BATCH_FRAMES_MAX, SUPER_FRAME_BYTES_MAX } from '../limits.ts';
import type { GatherList } from './gather-list.ts';
import { type Addresses, addresses, addressOf, AddressWriter, type Memory } from './memory.ts';
import type { Port } from './port.ts';

/** Longest thing one read returns; a TAP never splits a frame over two. */
const READ_BYTES_MAX = SUPER_FRAME_BYTES_MAX + VNET_HEADER_BYTES;
/** A whole batch of full-size frames, or a handful of super-frames. */
export const TAP_BUFFER_BYTES = 512 * 1024;
/** Frames start on cache lines of their own. */
const ALIGNMENT = 64;
/** The buffer begins with the iovec that says where the next read goes: an address passed by itself would be allocated. */
const FRAMES_AT = ALIGNMENT;

export class TapPort implements Port {
  readonly handle: number;
  readonly #fd: number;
  readonly #buffer: number;
  readonly #vector: Int32Array;
  readonly #vectorAddress: Addresses;
  readonly #writer: AddressWriter;
  #readable = true;

  /** @param buffer offset of TAP_BUFFER_BYTES in the memory */
  constructor(handle: number, fd: number, memory: Memory, buffer: number) {
    this.handle = handle;
    this.#fd = fd;
    this.#buffer = buffer;
    this.#vector = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + buffer, IOVEC.size / 4);
    this.#vectorAddress = addresses(memory.address + buffer, 0, 1);
    this.#writer = new AddressWriter(this.#vector, memory.address);
  }

  pending(): boolean {
    return this.#readable;
  }

  markReadable(): void {
    this.#readable = true;
  }

  /** The TAP is gone from the kernel; its descriptor says so for ever. */
  clearError(): boolean {
    return false;
  }

  receive(batch: Batch): void {
    let at = this.#buffer + FRAMES_AT;
    const end = this.#buffer + TAP_BUFFER_BYTES - READ_BYTES_MAX;
    while (batch.count < BATCH_FRAMES_MAX && at <= end) {
      this.#writer.write(IOVEC.base / 4, at);
      this.#vector[IOVEC.len / 4] = READ_BYTES_MAX;
      const read = sys.readv(this.#fd, addressOf(this.#vectorAddress, 0), 1);
      if (read < 0) {
        // Drained (EAGAIN), or the netdev is gone, which shows in the port's state.
        this.#readable = false;
        return;
      }
      const i = batch.count++;
      batch.offset[i] = at + VNET_HEADER_BYTES;
      batch.length[i] = read - VNET_HEADER_BYTES;
      batch.tpid[i] = 0;
      batch.tci[i] = 0;
      at += (read + ALIGNMENT - 1) & -ALIGNMENT;
    }
  }

  release(): void {}

  transmit(list: GatherList): void {
    for (let i = 0; i < list.count; i++) {
      const written = sys.writev(this.#fd, list.vectorAddress(i), list.vectorCount(i));
      list.status[i] = written < 0 ? -written : 0;
    }
  }
}
