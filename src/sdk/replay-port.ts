/** A port of a replay: gives the frames of one recorded batch, and keeps of what is sent what a recording does. */
import type { Outcome } from '../datapath/outcome.ts';
import type { Batch } from '../frame/batch.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { BATCH_FRAMES_MAX, SUPER_FRAME_BYTES_MAX } from '../limits.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Memory } from '../ports/memory.ts';
import type { Port } from '../ports/port.ts';
import type { SentList } from './outcome-text.ts';
import type { RecordedFrame } from './recording-reader.ts';

/** A whole number of words. */
const SLOT_BYTES = (VNET_HEADER_BYTES + SUPER_FRAME_BYTES_MAX + 7) & ~7;
/** What all ports of a replay share: one batch arrives at a time. */
export const REPLAY_BUFFER_BYTES = BATCH_FRAMES_MAX * SLOT_BYTES;

export interface ReplayPortParts {
  memory: Memory;
  /** Offset of REPLAY_BUFFER_BYTES in the memory. */
  bufferAt: number;
  outcome: Outcome;
  /** The next list that was sent when it was recorded; null: there is none, or not such a one. */
  nextSent: (handle: number, count: number) => SentList | null;
  /** Of the batch that arrives. */
  noteBatch: (batch: Batch) => void;
}

export class ReplayPort implements Port {
  readonly handle: number;
  readonly #parts: ReplayPortParts;
  #arrivals: readonly RecordedFrame[] = [];

  constructor(handle: number, parts: ReplayPortParts) {
    this.handle = handle;
    this.#parts = parts;
  }

  arrive(frames: readonly RecordedFrame[]): void {
    this.#arrivals = frames;
  }

  pending(): boolean {
    return this.#arrivals.length > 0;
  }

  markReadable(): void {}

  clearError(): boolean {
    return true;
  }

  receive(batch: Batch): void {
    const { memory, bufferAt, noteBatch } = this.#parts;
    this.#arrivals.forEach(({ bytes, length, isCut, tag, header }, i) => {
      const at = bufferAt + i * SLOT_BYTES;
      memory.bytes.set(header, at);
      memory.bytes.set(bytes, at + VNET_HEADER_BYTES);
      batch.offset[i] = at + VNET_HEADER_BYTES;
      batch.length[i] = isCut ? -length : bytes.length;
      batch.tpid[i] = tag >>> 16;
      batch.tci[i] = tag & 0xffff;
    });
    batch.count = this.#arrivals.length;
    this.#arrivals = [];
    noteBatch(batch);
  }

  claim(): void {}

  release(): void {}

  /** What the kernel refused then it refuses again. */
  transmit(list: GatherList): void {
    const { outcome, nextSent } = this.#parts;
    const sent = nextSent(this.handle, list.count);
    for (let m = 0; m < list.count; m++) list.status[m] = sent?.messages[m]!.errno ?? 0;
    outcome.sent(this.handle, list);
  }
}
