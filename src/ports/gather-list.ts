/**
 * What one port is to send, as scatter lists: an array of struct mmsghdr with two iovecs each, laid out in the worker's
 * arena so that sendmmsg and writev take it as it is. A message is the frame where it lies, or a head written here (the
 * virtio-net header, the addresses and a pushed tag; or a segment's headers) and the rest of the frame where it lies. So
 * tags are pushed, and one frame is flooded to many ports, without moving payload.
 */
import { IOVEC, MMSGHDR } from '../../native-bindings/abi/socket.ts';
import { ADDRESSES_BYTES } from '../frame/ethernet.ts';
import { TAG_BYTES } from '../frame/vlan.ts';
import { shiftVnetHeader, VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { BATCH_FRAMES_MAX } from '../limits.ts';

export const MESSAGES_MAX = BATCH_FRAMES_MAX;
const VECTORS_PER_MESSAGE = 2;
/** Room for a head: virtio-net header, Ethernet header with two tags, IPv6 with extension headers, TCP with options. */
export const HEAD_BYTES_MAX = 256;

const MESSAGES_AT = 0;
const VECTORS_AT = MESSAGES_AT + MESSAGES_MAX * MMSGHDR.size;
const HEADS_AT = VECTORS_AT + MESSAGES_MAX * VECTORS_PER_MESSAGE * IOVEC.size;
export const GATHER_LIST_BYTES = HEADS_AT + MESSAGES_MAX * HEAD_BYTES_MAX;

const TWO_TO_32 = 2 ** 32;

/** Memory that a list, its frames and its heads lie in; `address` is that of byte 0, or 0 where no kernel will read it. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly address: number;
}

export class GatherList {
  readonly memory: Memory;
  count = 0;
  /** Per message: 0, or the errno that `transmit` met. */
  readonly status = new Int32Array(MESSAGES_MAX);
  /** Per message: bytes as sent, without the virtio-net header. */
  readonly wireBytes = new Int32Array(MESSAGES_MAX);
  /** Per message, free for who fills the list. */
  readonly note = new Int32Array(MESSAGES_MAX);
  /** Per message: where its first and second part lie, and their lengths (second length 0: one part). */
  readonly partAt = new Int32Array(MESSAGES_MAX * VECTORS_PER_MESSAGE);
  readonly partBytes = new Int32Array(MESSAGES_MAX * VECTORS_PER_MESSAGE);

  readonly #words: Int32Array;
  readonly #at: number;
  readonly #addressLow: number;
  readonly #addressHigh: number;

  /** @param at offset of GATHER_LIST_BYTES in the memory, a multiple of 8 */
  constructor(memory: Memory, at: number) {
    this.memory = memory;
    this.#at = at;
    this.#words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + at, GATHER_LIST_BYTES / 4);
    this.#addressLow = memory.address >>> 0;
    this.#addressHigh = Math.floor(memory.address / TWO_TO_32);
    for (let i = 0; i < MESSAGES_MAX; i++) {
      const vectors = VECTORS_AT + i * VECTORS_PER_MESSAGE * IOVEC.size;
      this.#writeAddress((MESSAGES_AT + i * MMSGHDR.size + MMSGHDR.iov) >>> 2, this.#at + vectors);
    }
  }

  get full(): boolean {
    return this.count === MESSAGES_MAX;
  }

  /** Address of message `i`'s struct mmsghdr. */
  messageAddress(i: number): number {
    return this.memory.address + this.#at + MESSAGES_AT + i * MMSGHDR.size;
  }

  /** Address of message `i`'s first iovec. */
  vectorAddress(i: number): number {
    return this.memory.address + this.#at + VECTORS_AT + i * VECTORS_PER_MESSAGE * IOVEC.size;
  }

  vectorCount(i: number): number {
    return this.partBytes[i * VECTORS_PER_MESSAGE + 1] === 0 ? 1 : 2;
  }

  /** Where the head of the next message may be written: HEAD_BYTES_MAX bytes. */
  nextHead(): number {
    return this.#at + HEADS_AT + this.count * HEAD_BYTES_MAX;
  }

  /** Adds a frame as it lies, with the virtio-net header before it. */
  addWhole(frame: number, length: number, note: number): void {
    this.#add(frame - VNET_HEADER_BYTES, VNET_HEADER_BYTES + length, 0, 0, note);
  }

  /** Adds a frame with a tag pushed between its addresses and its EtherType. */
  addTagged(frame: number, length: number, tpid: number, tci: number, note: number): void {
    const { bytes } = this.memory;
    const head = this.nextHead();
    const header = frame - VNET_HEADER_BYTES;
    const kept = VNET_HEADER_BYTES + ADDRESSES_BYTES;
    for (let k = 0; k < kept; k++) bytes[head + k] = bytes[header + k]!;
    shiftVnetHeader(bytes, head, TAG_BYTES);
    bytes[head + kept] = tpid >>> 8;
    bytes[head + kept + 1] = tpid;
    bytes[head + kept + 2] = tci >>> 8;
    bytes[head + kept + 3] = tci;
    this.#add(head, kept + TAG_BYTES, frame + ADDRESSES_BYTES, length - ADDRESSES_BYTES, note);
  }

  /** Adds a message whose head (virtio-net header included) the caller wrote at `nextHead`. */
  addHeaded(headBytes: number, payload: number, payloadBytes: number, note: number): void {
    this.#add(this.nextHead(), headBytes, payload, payloadBytes, note);
  }

  clear(): void {
    this.count = 0;
  }

  #add(first: number, firstBytes: number, second: number, secondBytes: number, note: number): void {
    const i = this.count++;
    const part = i * VECTORS_PER_MESSAGE;
    this.partAt[part] = first;
    this.partBytes[part] = firstBytes;
    this.partAt[part + 1] = second;
    this.partBytes[part + 1] = secondBytes;
    this.wireBytes[i] = firstBytes + secondBytes - VNET_HEADER_BYTES;
    this.note[i] = note;

    const words = this.#words;
    const vector = (VECTORS_AT + part * IOVEC.size) >>> 2;
    this.#writeAddress(vector + IOVEC.base / 4, first);
    words[vector + IOVEC.len / 4] = firstBytes;
    this.#writeAddress(vector + (IOVEC.size + IOVEC.base) / 4, second);
    words[vector + (IOVEC.size + IOVEC.len) / 4] = secondBytes;
    words[(MESSAGES_AT + i * MMSGHDR.size + MMSGHDR.iovlen) >>> 2] = secondBytes === 0 ? 1 : 2;
  }

  /** The 64-bit address of an offset, as two words and without a BigInt. */
  #writeAddress(word: number, offset: number): void {
    const low = (this.#addressLow + offset) >>> 0;
    this.#words[word] = low;
    this.#words[word + 1] = this.#addressHigh + (low < this.#addressLow ? 1 : 0);
  }
}
