/**
 * What one port is to send, as scatter lists: an array of struct mmsghdr with two iovecs each, laid out in the worker's
 * arena so that sendmmsg and writev take it as it is. A message is the frame where it lies, or a head written here (the
 * virtio-net header, the addresses and a pushed tag; or a segment's headers) and the rest of the frame where it lies. So
 * tags are pushed, and one frame is flooded to many ports, without moving payload.
 */
import * as socket from '../../native-bindings/abi/socket.ts';
import * as ethernet from '../frame/ethernet.ts';
import * as vlanTag from '../frame/vlan.ts';
import { writeTag } from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import { shiftVnetHeader } from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import { type Addresses, addresses, addressOf, AddressWriter, type Memory } from './memory.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { IOVEC, MMSGHDR } = socket;
const { ADDRESSES_BYTES } = ethernet;
const { NO_TAG } = vlanTag;
const { FLAGS, GSO_TYPE, NEEDS_CSUM, VNET_HEADER_BYTES } = vnetHeader;
const { BATCH_FRAMES_MAX } = limits;

export const MESSAGES_MAX = BATCH_FRAMES_MAX;
const VECTORS_PER_MESSAGE = 2;
/** Room for a head: virtio-net header, Ethernet header with two tags, IPv6 with extension headers, TCP with options. */
export const HEAD_BYTES_MAX = 256;

const MESSAGES_AT = 0;
const VECTORS_AT = MESSAGES_AT + MESSAGES_MAX * MMSGHDR.size;
const HEADS_AT = VECTORS_AT + MESSAGES_MAX * VECTORS_PER_MESSAGE * IOVEC.size;
/** The structures alone; and the heads alone, where these lie somewhere else. */
export const GATHER_LISTS_BYTES = HEADS_AT;
export const GATHER_HEADS_BYTES = MESSAGES_MAX * HEAD_BYTES_MAX;
export const GATHER_LIST_BYTES = GATHER_LISTS_BYTES + GATHER_HEADS_BYTES;

export class GatherList {
  readonly memory: Memory;
  count = 0;
  /** Whether a message's virtio-net header asks for anything: a checksum to finish, a super-frame to segment. */
  isUnfinished = false;
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
  readonly #headsAt: number;
  readonly #writer: AddressWriter;
  readonly #messageAddresses: Addresses;
  readonly #vectorAddresses: Addresses;

  /**
   * @param at offset of GATHER_LISTS_BYTES in the memory, a multiple of 8
   * @param headsAt offset of GATHER_HEADS_BYTES
   */
  constructor(memory: Memory, at: number, headsAt: number = at + GATHER_LISTS_BYTES) {
    this.memory = memory;
    this.#at = at;
    this.#headsAt = headsAt;
    this.#words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + at, GATHER_LISTS_BYTES / 4);
    this.#writer = new AddressWriter(this.#words, memory.address);
    this.#messageAddresses = addresses(memory.address + at + MESSAGES_AT, MMSGHDR.size, MESSAGES_MAX);
    this.#vectorAddresses = addresses(memory.address + at + VECTORS_AT, VECTORS_PER_MESSAGE * IOVEC.size, MESSAGES_MAX);
    for (let i = 0; i < MESSAGES_MAX; i++) {
      const vectors = VECTORS_AT + i * VECTORS_PER_MESSAGE * IOVEC.size;
      this.#writer.write((MESSAGES_AT + i * MMSGHDR.size + MMSGHDR.iov) >>> 2, this.#at + vectors);
    }
  }

  get full(): boolean {
    return this.count === MESSAGES_MAX;
  }

  /** Address of message `i`'s struct mmsghdr. */
  messageAddress(i: number): number {
    return addressOf(this.#messageAddresses, i);
  }

  /** Address of message `i`'s first iovec. */
  vectorAddress(i: number): number {
    return addressOf(this.#vectorAddresses, i);
  }

  /** Offset of the same in the memory. */
  vectorAt(i: number): number {
    return this.#at + VECTORS_AT + i * VECTORS_PER_MESSAGE * IOVEC.size;
  }

  vectorCount(i: number): number {
    return this.partBytes[i * VECTORS_PER_MESSAGE + 1] === 0 ? 1 : 2;
  }

  /** Where the head of the next message may be written: HEAD_BYTES_MAX bytes. */
  nextHead(): number {
    return this.#headsAt + this.count * HEAD_BYTES_MAX;
  }

  /** Adds a frame as it lies, with the virtio-net header before it. */
  addWhole(frame: number, length: number, note: number): void {
    this.#add(frame - VNET_HEADER_BYTES, VNET_HEADER_BYTES + length, 0, 0, note);
  }

  /** Adds a frame with one tag or two pushed between its addresses and its EtherType. */
  addTagged(frame: number, length: number, outer: number, inner: number, note: number): void {
    const { bytes } = this.memory;
    const head = this.nextHead();
    const header = frame - VNET_HEADER_BYTES;
    const kept = VNET_HEADER_BYTES + ADDRESSES_BYTES;
    for (let k = 0; k < kept; k++) bytes[head + k] = bytes[header + k]!;
    let end = writeTag(bytes, head + kept, outer);
    if (inner !== NO_TAG) end = writeTag(bytes, end, inner);
    shiftVnetHeader(bytes, head, end - head - kept);
    this.#add(head, end - head, frame + ADDRESSES_BYTES, length - ADDRESSES_BYTES, note);
  }

  /** Adds a message whose head (virtio-net header included) the caller wrote at `nextHead`. */
  addHeaded(headBytes: number, payload: number, payloadBytes: number, note: number): void {
    this.#add(this.nextHead(), headBytes, payload, payloadBytes, note);
  }

  /** Leaves the virtio-net headers out, for who is not told by them: where none of them asks for anything. */
  dropHeaders(): void {
    const { partAt, partBytes } = this;
    for (let i = 0; i < this.count; i++) {
      const vector = (VECTORS_AT + i * VECTORS_PER_MESSAGE * IOVEC.size) >>> 2;
      this.#writer.write(vector + IOVEC.base / 4, partAt[i * VECTORS_PER_MESSAGE]! + VNET_HEADER_BYTES);
      this.#words[vector + IOVEC.len / 4] = partBytes[i * VECTORS_PER_MESSAGE]! - VNET_HEADER_BYTES;
    }
  }

  clear(): void {
    this.count = 0;
    this.isUnfinished = false;
  }

  #add(first: number, firstBytes: number, second: number, secondBytes: number, note: number): void {
    const i = this.count++;
    const part = i * VECTORS_PER_MESSAGE;
    const { bytes } = this.memory;
    if (((bytes[first + FLAGS]! & NEEDS_CSUM) | bytes[first + GSO_TYPE]!) !== 0) this.isUnfinished = true;
    this.partAt[part] = first;
    this.partBytes[part] = firstBytes;
    this.partAt[part + 1] = second;
    this.partBytes[part + 1] = secondBytes;
    this.wireBytes[i] = firstBytes + secondBytes - VNET_HEADER_BYTES;
    this.note[i] = note;

    const words = this.#words;
    const vector = (VECTORS_AT + part * IOVEC.size) >>> 2;
    this.#writer.write(vector + IOVEC.base / 4, first);
    words[vector + IOVEC.len / 4] = firstBytes;
    if (secondBytes !== 0) {
      this.#writer.write(vector + (IOVEC.size + IOVEC.base) / 4, second);
      words[vector + (IOVEC.size + IOVEC.len) / 4] = secondBytes;
    }
    words[(MESSAGES_AT + i * MMSGHDR.size + MMSGHDR.iovlen) >>> 2] = secondBytes === 0 ? 1 : 2;
  }
}
