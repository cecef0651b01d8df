/**
 * One TPACKET_V2 receive ring (linux/if_packet.h) as a worker reads it: slots in fixed order, each handed over by its status
 * word. The kernel leaves the virtio-net header right before the frame, and the VLAN tag beside the bytes.
 *
 * V2 and not V3, which hands blocks over when full or after a timeout of whole jiffies: bad for latency.
 */
import {
  TP_STATUS_KERNEL,
  TP_STATUS_USER,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
  TPACKET2_HDR,
} from '../../native-bindings/abi/if-packet.ts';
import type { Batch } from '../frame/batch.ts';
import { TPID_CUSTOMER } from '../frame/vlan.ts';
import * as boardLayout from '../shared/board.ts';
import type { RingGeometry } from '../shared/commands.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { CURSOR_CLAIMED, CURSOR_SLOT } = boardLayout;

const STATUS = TPACKET2_HDR.status >>> 2;
const LEN = TPACKET2_HDR.len >>> 2;
const SNAPLEN = TPACKET2_HDR.snaplen >>> 2;
const MAC_AND_NET = TPACKET2_HDR.mac >>> 2;
const SEC = TPACKET2_HDR.sec >>> 2;
const NSEC = TPACKET2_HDR.nsec >>> 2;
/** Where a slot's next cache lines begin, in words. A short frame ends in the third one. */
const SECOND_LINE = 16;
const THIRD_LINE = 32;
const VLAN_TCI_AND_TPID = TPACKET2_HDR.vlanTci >>> 2;

export class PacketRing {
  readonly #words: Int32Array;
  readonly #slotBytes: number;
  /** Word index of every slot's header. */
  readonly #slots: Int32Array;
  readonly #cursors: Int32Array;
  /** Index of the next slot's word in `#cursors`. */
  readonly #cursor: number;
  /** Index of the word that says how many slots are claimed. */
  readonly #claimed: number;
  /** Slots from the cursor on that are taken but not released. */
  #taken = 0;
  /** What was touched last: keeps the engine from leaving out loads whose result nobody needs. */
  touched = 0;

  /**
   * What a worker before this one claimed is given back.
   *
   * @param cursor index of this ring's words in `cursors` (board.ts), kept where a worker that takes over finds them
   */
  constructor(bytes: Uint8Array, geometry: RingGeometry, cursors: Int32Array, cursor: number) {
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    const { offset, slotBytes, slotsPerBlock, blockBytes, blocks } = geometry;
    this.#slotBytes = slotBytes;
    this.#slots = new Int32Array(blocks * slotsPerBlock);
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const block = Math.floor(slot / slotsPerBlock);
      this.#slots[slot] = (offset + block * blockBytes + (slot % slotsPerBlock) * slotBytes) >>> 2;
    }
    this.#cursors = cursors;
    this.#cursor = cursor + CURSOR_SLOT;
    this.#claimed = cursor + CURSOR_CLAIMED;
    this.#taken = cursors[this.#claimed]!;
    this.release();
  }

  /** Ready slots from the `from`th after those taken on, up to `limit` in all. */
  ready(from: number, limit: number): number {
    const words = this.#words;
    // A ring that is full has no slot of the kernel's where looking would stop.
    const end = Math.min(limit, this.#slots.length - this.#taken);
    let count = from;
    let status: number = TP_STATUS_KERNEL;
    while (count < end && (status = words[this.#slot(count) + STATUS]!) & TP_STATUS_USER) count++;
    if (isNobodys(status)) this.#repair();
    // The kernel fills slots in order, so acquiring the last one makes all of them visible. An atomic load is a call.
    if (count > from) Atomics.load(words, this.#slot(count - 1) + STATUS);
    return count;
  }

  /** Whether ready slot `a` of this ring came before ready slot `b` of the other. */
  isBefore(a: number, other: PacketRing, b: number): boolean {
    const mine = this.#slot(a);
    const theirs = other.#slot(b);
    const seconds = (this.#words[mine + SEC]! - other.#words[theirs + SEC]!) | 0;
    return seconds !== 0 ? seconds < 0 : this.#words[mine + NSEC]! <= other.#words[theirs + NSEC]!;
  }

  /**
   * Puts the next `count` slots into the batch. Of a frame that the slot was too small for, the length is negative; so it is of one
   * that cannot lie where its header says: a loaded logic may have written there.
   *
   * Where the kernel wrote on another core, each cache line of a frame has to come from there. The beginning of every frame
   * is touched here, where these loads wait for nothing and so go on side by side; later, in the middle of sending, the core
   * would wait for each by itself (docs/decisions/0012).
   */
  take(count: number, batch: Batch): void {
    const words = this.#words;
    let touched = 0;
    for (let k = 0; k < count; k++) {
      const slot = this.#slot(0);
      const i = batch.count++;
      const status = words[slot + STATUS]!;
      const length = words[slot + LEN]!;
      const at = words[slot + MAC_AND_NET]! & 0xffff;
      batch.offset[i] = (slot << 2) + at;
      const isWhole = words[slot + SNAPLEN] === length && (at + length) >>> 0 <= this.#slotBytes;
      batch.length[i] = isWhole ? length : length > 0 ? -length : -1;
      touched |= words[slot + SECOND_LINE]! | words[slot + THIRD_LINE]!;
      if (status & TP_STATUS_VLAN_VALID) {
        const tag = words[slot + VLAN_TCI_AND_TPID]!;
        batch.tci[i] = tag;
        batch.tpid[i] = status & TP_STATUS_VLAN_TPID_VALID ? tag >>> 16 : TPID_CUSTOMER;
      } else {
        batch.tci[i] = 0;
        batch.tpid[i] = 0;
      }
      this.#taken++;
    }
    this.touched = touched;
  }

  /** A worker that takes over does not read the taken slots again. */
  claim(): void {
    this.#cursors[this.#claimed] = this.#taken;
  }

  /** Gives all taken slots back to the kernel, each once: it may fill one the moment it has it. */
  release(): void {
    if (this.#taken === 0) return;
    // First: a worker that takes over must not give back what is the kernel's by then.
    this.#cursors[this.#claimed] = 0;
    const slots = this.#slots.length;
    const words = this.#words;
    // Orders what was read of the frames before the stores that give them away.
    let slot = Atomics.add(this.#cursors, this.#cursor, 0);
    for (; this.#taken > 0; this.#taken--) {
      words[this.#slots[slot]! + STATUS] = TP_STATUS_KERNEL;
      slot = slot + 1 === slots ? 0 : slot + 1;
    }
    Atomics.store(this.#cursors, this.#cursor, slot);
  }

  /**
   * Finds the oldest ready slot again where the cursor has lost it: a worker that ended while it released slots leaves a
   * cursor that the kernel is not at, and so does a loaded logic that wrote over the status of slots.
   */
  resume(): void {
    const slots = this.#slots.length;
    const cursor = this.#cursors[this.#cursor]!;
    this.#repair();
    for (let k = 0; k < slots; k++) {
      const slot = (cursor + k) % slots;
      if ((this.#words[this.#slots[slot]! + STATUS]! & TP_STATUS_USER) === 0) continue;
      this.#cursors[this.#cursor] = slot;
      return;
    }
  }

  /** Gives the kernel the slots that are nobody's: it waits for them for ever, and looks at none behind them. */
  #repair(): void {
    const words = this.#words;
    for (const slot of this.#slots) if (isNobodys(words[slot + STATUS]!)) words[slot + STATUS] = TP_STATUS_KERNEL;
  }

  /** Word index of the `k`th slot after those taken. */
  #slot(k: number): number {
    const slots = this.#slots.length;
    let slot = this.#cursors[this.#cursor]! + this.#taken + k;
    if (slot >= slots) slot -= slots;
    return this.#slots[slot]!;
  }
}

/** The kernel never leaves such a status: a loaded logic wrote over it. */
function isNobodys(status: number): boolean {
  return status !== TP_STATUS_KERNEL && (status & TP_STATUS_USER) === 0;
}
