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
import { SOCKADDR_LL } from '../../native-bindings/abi/socket.ts';
import type { Batch } from '../frame/batch.ts';
import { TPID_CUSTOMER } from '../frame/vlan.ts';
import * as boardLayout from '../shared/board.ts';
import type { RingGeometry } from '../shared/commands.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { CLAIMED_SHIFT, CURSOR_SLOT_MASK } = boardLayout;

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
/**
 * Words that the kernel leaves alone, behind the header and the sockaddr_ll: how many slots from this one on are claimed, and the time
 * stamp of its frame then. So a claim is void as soon as the slot has another frame.
 */
const CLAIMED_SLOTS = (TPACKET2_HDR.size + SOCKADDR_LL.size) >>> 2;
const CLAIMED_NSEC = CLAIMED_SLOTS + 1;

/** Where reading goes on. */
export interface RingPlace {
  slot: number;
  /** So many slots from there on are claimed. */
  claimed: number;
}

export class PacketRing {
  readonly #words: Int32Array;
  readonly #slotBytes: number;
  /** Word index of every slot's header. */
  readonly #slots: Int32Array;
  readonly #cursors: Int32Array;
  readonly #cursor: number;
  /** The next slot that is not released. */
  #next: number;
  /** Slots from there on that are taken. */
  #taken = 0;
  /** What was touched last: keeps the engine from leaving out loads whose result nobody needs. */
  touched = 0;

  /**
   * What a worker before this one claimed and has not released is taken, too.
   *
   * @param cursor index of this ring's word in `cursors` (board.ts), where a worker that takes over finds its place
   */
  constructor(bytes: Uint8Array, geometry: RingGeometry, cursors: Int32Array, cursor: number) {
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    this.#slotBytes = geometry.slotBytes;
    this.#slots = slotsOf(geometry);
    this.#cursors = cursors;
    this.#cursor = cursor;
    this.#next = cursors[cursor]! & CURSOR_SLOT_MASK;
    this.#settle(cursors[cursor]! >>> CLAIMED_SHIFT);
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
    if (this.#taken === 0) return;
    const first = this.#slots[this.#next]!;
    this.#words[first + CLAIMED_SLOTS] = this.#taken;
    this.#words[first + CLAIMED_NSEC] = this.#words[first + NSEC]!;
    this.#cursors[this.#cursor] = this.#next | (this.#taken << CLAIMED_SHIFT);
  }

  /**
   * Gives all taken slots back to the kernel, each once: it may fill one the moment it has it. The last one goes first, as the kernel
   * waits for the first one: while that is not given back, none of the others can have another frame.
   */
  release(): void {
    const taken = this.#taken;
    if (taken === 0) return;
    const slots = this.#slots.length;
    const words = this.#words;
    // Orders what was read of the frames before the stores that give them away.
    Atomics.add(this.#cursors, this.#cursor, 0);
    for (let k = taken - 1; k >= 0; k--) {
      const slot = this.#next + k;
      words[this.#slots[slot < slots ? slot : slot - slots]! + STATUS] = TP_STATUS_KERNEL;
    }
    this.#advance(taken);
  }

  #advance(taken: number): void {
    this.#taken = 0;
    this.#next = (this.#next + taken) % this.#slots.length;
    Atomics.store(this.#cursors, this.#cursor, this.#next);
  }

  /** A worker before this one may have ended between claiming slots and having given back all of them. */
  #settle(claimed: number): void {
    if (claimed > 0 && claimIn(this.#words, this.#slots, this.#next) === claimed) this.#taken = claimed;
    else this.#advance(claimed);
  }

  /**
   * Finds the oldest ready slot again where the cursor is not at the kernel's place: a loaded logic wrote over the status of slots,
   * or the ring was taken over while there was nothing in it.
   */
  resume(): void {
    this.#repair();
    const place = placeIn(this.#words, this.#slots);
    if (!place) return;
    this.#next = place.slot;
    this.#settle(place.claimed);
    this.release();
  }

  /** Gives the kernel the slots that are nobody's: it waits for them for ever, and looks at none behind them. */
  #repair(): void {
    const words = this.#words;
    for (const slot of this.#slots) if (isNobodys(words[slot + STATUS]!)) words[slot + STATUS] = TP_STATUS_KERNEL;
  }

  /** Word index of the `k`th slot after those taken. */
  #slot(k: number): number {
    const slots = this.#slots.length;
    let slot = this.#next + this.#taken + k;
    if (slot >= slots) slot -= slots;
    return this.#slots[slot]!;
  }
}

/** The kernel never leaves such a status: a loaded logic wrote over it. */
function isNobodys(status: number): boolean {
  return status !== TP_STATUS_KERNEL && (status & TP_STATUS_USER) === 0;
}

/**
 * Where the reader of a ring goes on that another process has read before, and left wherever it was: at the slot that is ready and has
 * waited longest. In an empty ring it cannot be told, and the first one stands for it until there is a frame (`resume`).
 */
export function placeOf(bytes: Uint8Array, geometry: RingGeometry): RingPlace {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  return placeIn(words, slotsOf(geometry)) ?? { slot: 0, claimed: 0 };
}

/** Null: no slot is ready. */
function placeIn(words: Int32Array, slots: Int32Array): RingPlace | null {
  let oldest = -1;
  let isBeginning = false;
  let wasReady = isReady(words, slots[slots.length - 1]!);
  for (let slot = 0; slot < slots.length; slot++) {
    const begins = !wasReady;
    wasReady = isReady(words, slots[slot]!);
    // A full ring has no beginning that shows.
    if (!wasReady || (isBeginning && !begins)) continue;
    if (oldest >= 0 && begins === isBeginning && !isEarlier(words, slots[slot]!, slots[oldest]!)) continue;
    oldest = slot;
    isBeginning = begins;
  }
  return oldest < 0 ? null : { slot: oldest, claimed: claimIn(words, slots, oldest) };
}

function isReady(words: Int32Array, slot: number): boolean {
  return (words[slot + STATUS]! & TP_STATUS_USER) !== 0;
}

/** By the time stamps of the frames in two slots. */
function isEarlier(words: Int32Array, one: number, other: number): boolean {
  const seconds = (words[one + SEC]! - words[other + SEC]!) | 0;
  return seconds !== 0 ? seconds < 0 : words[one + NSEC]! < words[other + NSEC]!;
}

/** How many slots from this one on are claimed and not given back yet. */
function claimIn(words: Int32Array, slots: Int32Array, slot: number): number {
  const at = slots[slot]!;
  const claimed = words[at + CLAIMED_SLOTS]!;
  const isOfThisFrame = isReady(words, at) && words[at + CLAIMED_NSEC] === words[at + NSEC];
  return isOfThisFrame && claimed > 0 && claimed <= slots.length ? claimed : 0;
}

/** Word index of every slot's header. */
function slotsOf({ offset, slotBytes, slotsPerBlock, blockBytes, blocks }: RingGeometry): Int32Array {
  const slots = new Int32Array(blocks * slotsPerBlock);
  for (let slot = 0; slot < slots.length; slot++) {
    const block = Math.floor(slot / slotsPerBlock);
    slots[slot] = (offset + block * blockBytes + (slot % slotsPerBlock) * slotBytes) >>> 2;
  }
  return slots;
}
