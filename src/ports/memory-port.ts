/**
 * A port without a kernel, for tests and the sandbox: what is put in arrives, and stays until it is claimed; what is sent is
 * kept as wire frames. It takes no offloads, so it also shows what egress finishes for ports like it.
 */
import type { Batch } from '../frame/batch.ts';
import { clearVnetHeader, VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import type { GatherList } from './gather-list.ts';
import type { Memory } from './memory.ts';
import type { Port } from './port.ts';

export const MEMORY_PORT_BUFFER_BYTES = 1024 * 1024;

export class MemoryPort implements Port {
  readonly handle: number;
  /** Every frame sent out of this port so far, without virtio-net header. */
  readonly sent: Uint8Array[] = [];
  /** The errno that the `n`th message sent by this port (from 0) is refused with; 0: none. */
  refuse: (n: number) => number = () => 0;
  #messages = 0;
  readonly #memory: Memory;
  readonly #buffer: number;
  readonly #arrivals: { frame: Uint8Array; header: Uint8Array | null }[] = [];
  /** The first arrivals that are in the batch. */
  #received = 0;

  /** @param buffer offset of MEMORY_PORT_BUFFER_BYTES in the memory */
  constructor(handle: number, memory: Memory, buffer: number) {
    this.handle = handle;
    this.#memory = memory;
    this.#buffer = buffer;
  }

  /** Lets a frame arrive, with the virtio-net header given or an empty one. */
  inject(frame: Uint8Array, header: Uint8Array | null = null): void {
    this.#arrivals.push({ frame, header });
  }

  pending(): boolean {
    return this.#arrivals.length > 0;
  }

  markReadable(): void {}

  clearError(): boolean {
    return true;
  }

  receive(batch: Batch): void {
    const { bytes } = this.#memory;
    let at = this.#buffer;
    this.#received = 0;
    while (batch.count < batch.limit) {
      const arrival = this.#arrivals[this.#received];
      if (!arrival || at + VNET_HEADER_BYTES + arrival.frame.length > this.#buffer + MEMORY_PORT_BUFFER_BYTES) break;
      this.#received++;
      if (arrival.header) bytes.set(arrival.header, at);
      else clearVnetHeader(bytes, at);
      bytes.set(arrival.frame, at + VNET_HEADER_BYTES);
      const i = batch.count++;
      batch.offset[i] = at + VNET_HEADER_BYTES;
      batch.length[i] = arrival.frame.length;
      batch.tpid[i] = 0;
      batch.tci[i] = 0;
      at += VNET_HEADER_BYTES + arrival.frame.length;
    }
  }

  claim(): void {
    this.#arrivals.splice(0, this.#received);
    this.#received = 0;
  }

  release(): void {}

  transmit(list: GatherList): void {
    const { bytes } = this.#memory;
    for (let i = 0; i < list.count; i++) {
      list.status[i] = this.refuse(this.#messages++);
      if (list.status[i] !== 0) continue;
      const message = new Uint8Array(VNET_HEADER_BYTES + list.wireBytes[i]!);
      const first = list.partBytes[2 * i]!;
      const at = list.partAt[2 * i]!;
      message.set(bytes.subarray(at, at + first));
      const rest = list.partAt[2 * i + 1]!;
      message.set(bytes.subarray(rest, rest + list.partBytes[2 * i + 1]!), first);
      this.sent.push(message.subarray(VNET_HEADER_BYTES));
    }
  }
}
