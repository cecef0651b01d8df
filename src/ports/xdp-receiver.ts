/**
 * One receive queue of a netdev, by an AF_XDP socket's two rings (linux/if_xdp.h): the kernel takes empty chunks from the fill
 * ring, and hands filled ones over in the receive ring. Both rings have as many entries as the queue has chunks.
 *
 * No chunk is ever lost, because there is nothing to lose it from: each entry taken from the receive ring goes back by the
 * fill ring's entry at the same place, so the fill ring's producer is always one whole ring ahead of the first entry that has not
 * gone back. The receive ring's consumer is ahead of that by what is taken: the kernel has no chunks to fill those entries with.
 * Both words lie in memory that outlives the worker, and say to the next one what this one had not given back.
 */
import { XDP_DESC, XDP_PKT_CONTD } from '../../native-bindings/abi/if-xdp.ts';
import type { Batch } from '../frame/batch.ts';
import { HEADER_BYTES } from '../frame/ethernet.ts';
import { TAG_BYTES } from '../frame/vlan.ts';
import { clearVnetHeader, VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { MTU_MAX } from '../limits.ts';
import type { XdpRing } from '../shared/commands.ts';

const DESC_WORDS = XDP_DESC.size >>> 2;
const ADDR = XDP_DESC.addr >>> 2;
const LEN = XDP_DESC.len >>> 2;
const OPTIONS = XDP_DESC.options >>> 2;
/** Entries of the fill ring are 64-bit addresses; their upper half is always zero. */
const FILL_WORDS = 2;

/** Longest frame that is put together. */
const FRAME_BYTES_MAX = MTU_MAX + HEADER_BYTES + 2 * TAG_BYTES;
/** Frames that are put together start on cache lines of their own. */
const PLACE_BYTES = 64;

/** Where a worker puts frames together that came in several chunks: a batch is done with before the next one is received. */
export interface Scratch {
  at: number;
  bytes: number;
}

export class XdpReceiver {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #umem: number;
  readonly #scratch: Scratch;
  readonly #producer: number;
  readonly #consumer: number;
  readonly #descs: number;
  readonly #fillProducer: number;
  readonly #fillEntries: number;
  readonly #size: number;
  /** The next entry to take. */
  #next: number;

  /** @param umem offset of the UMEM in `bytes` */
  constructor(bytes: Uint8Array, umem: number, scratch: Scratch, rings: { received: XdpRing; fill: XdpRing }) {
    const { received, fill } = rings;
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    this.#umem = umem;
    this.#scratch = scratch;
    this.#producer = received.producer >>> 2;
    this.#consumer = received.consumer >>> 2;
    this.#descs = received.entries >>> 2;
    this.#fillProducer = fill.producer >>> 2;
    this.#fillEntries = fill.entries >>> 2;
    this.#size = received.size;
    this.#next = this.#words[this.#consumer]!;
  }

  ready(): boolean {
    return this.#words[this.#producer] !== this.#next;
  }

  /** Puts what is ready into the batch, as far as there is room. */
  take(batch: Batch): void {
    this.#take(batch);
    this.#words[this.#consumer] = this.#next;
  }

  #take(batch: Batch): void {
    const words = this.#words;
    const mask = this.#size - 1;
    const producer = Atomics.load(words, this.#producer);
    const { offset, length, tpid, tci } = batch;
    let next = this.#next;
    let i = batch.count;
    while (next !== producer && i < batch.limit) {
      const desc = this.#descs + (next & mask) * DESC_WORDS;
      if (words[desc + OPTIONS]! & XDP_PKT_CONTD) {
        batch.count = i;
        this.#next = next;
        if (!this.#takeParts(batch, producer)) return;
        next = this.#next;
        i = batch.count;
        continue;
      }
      // The headroom before the frame is all zero, as it was when the UMEM was made: an empty virtio-net header. What is
      // moved there when a tag is taken out is such a header again; what a loaded logic wrote there is not.
      const at = this.#umem + words[desc + ADDR]!;
      const behind = at >>> 2;
      if ((words[behind - 3]! | words[behind - 2]! | words[behind - 1]!) !== 0) {
        clearVnetHeader(this.#bytes, at - VNET_HEADER_BYTES);
      }
      offset[i] = at;
      length[i] = words[desc + LEN]!;
      tpid[i] = 0;
      tci[i] = 0;
      i++;
      next = (next + 1) | 0;
    }
    batch.count = i;
    this.#next = next;
  }

  /** Gives all chunks that were taken back to the kernel. */
  release(): void {
    const words = this.#words;
    const mask = this.#size - 1;
    const next = this.#next;
    let entry = (words[this.#fillProducer]! - this.#size) | 0;
    if (entry === next) return;
    for (; entry !== next; entry = (entry + 1) | 0) {
      const slot = entry & mask;
      words[this.#fillEntries + slot * FILL_WORDS] = words[this.#descs + slot * DESC_WORDS + ADDR]!;
    }
    Atomics.store(words, this.#fillProducer, (next + this.#size) | 0);
  }

  /**
   * Puts one frame that lies in several chunks together. Of one that is longer than any port carries
   * there is the first part, and the length is negative.
   * @returns false if it has to wait for the next batch
   */
  #takeParts(batch: Batch, producer: number): boolean {
    const words = this.#words;
    const mask = this.#size - 1;
    let total = 0;
    let end = this.#next;
    for (let more = true; more; end = (end + 1) | 0) {
      if (end === producer) return false;
      const desc = this.#descs + (end & mask) * DESC_WORDS;
      total += words[desc + LEN]!;
      more = (words[desc + OPTIONS]! & XDP_PKT_CONTD) !== 0;
    }
    const fits = total <= FRAME_BYTES_MAX;
    const firstPart = this.#umem + words[this.#descs + (this.#next & mask) * DESC_WORDS + ADDR]!;
    const start = fits ? this.#place(batch, total) : firstPart;
    if (start < 0) return false;
    if (fits) this.#copyParts(start, end);
    const i = batch.count++;
    batch.offset[i] = start;
    batch.length[i] = fits ? total : -total;
    batch.tpid[i] = 0;
    batch.tci[i] = 0;
    this.#next = end;
    return true;
  }

  /** Where the next frame goes in the scratch memory, with its header cleared; -1 if there is no room left. */
  #place(batch: Batch, total: number): number {
    const { at, bytes } = this.#scratch;
    let header = at;
    for (let i = batch.count - 1; i >= 0; i--) {
      const offset = batch.offset[i]!;
      if (batch.length[i]! < 0 || offset < at || offset >= at + bytes) continue;
      header = (offset + batch.length[i]! + PLACE_BYTES - 1) & -PLACE_BYTES;
      break;
    }
    if (header + VNET_HEADER_BYTES + total > at + bytes) return -1;
    clearVnetHeader(this.#bytes, header);
    return header + VNET_HEADER_BYTES;
  }

  #copyParts(start: number, end: number): void {
    const words = this.#words;
    const mask = this.#size - 1;
    let to = start;
    for (let entry = this.#next; entry !== end; entry = (entry + 1) | 0) {
      const desc = this.#descs + (entry & mask) * DESC_WORDS;
      const from = this.#umem + words[desc + ADDR]!;
      this.#bytes.copyWithin(to, from, from + words[desc + LEN]!);
      to += words[desc + LEN]!;
    }
  }
}
