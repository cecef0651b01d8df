/**
 * The transmit side of a netdev's queue, by an AF_XDP socket's two rings (linux/if_xdp.h): frames are copied into chunks of
 * the port's own, which the kernel takes from the transmit ring and gives back by the completion ring, in any order.
 *
 * Which chunks are free is written nowhere but in the transmit ring itself: each of its entries names the chunk that will be
 * sent from there next. A chunk that comes back as the nth is written into the nth entry, which the kernel has taken by then
 * (it completes nothing that it has not taken). So the two rings' words, which outlive the worker, say everything, and a
 * worker that ends halfway loses no chunk: what it had not published yet is simply done again.
 */
import { EAGAIN } from '../../native-bindings/abi/errno.ts';
import { XDP_DESC, XDP_PKT_CONTD } from '../../native-bindings/abi/if-xdp.ts';
import { MSG_DONTWAIT } from '../../native-bindings/abi/socket.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import type { XdpRing } from '../shared/commands.ts';
import { type GatherList, MESSAGES_MAX } from './gather-list.ts';

/** A chunk lies within a page; two of them are small enough to waste little, and hold a full-size frame each. */
export const XDP_CHUNK_BYTES = 2048;

const DESC_WORDS = XDP_DESC.size >>> 2;
const ADDR = XDP_DESC.addr >>> 2;
const LEN = XDP_DESC.len >>> 2;
const OPTIONS = XDP_DESC.options >>> 2;
/** Entries of the completion ring are 64-bit addresses; their upper half is always zero. */
const COMPLETION_WORDS = 2;

export class XdpSender {
  readonly #fd: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #umem: number;
  readonly #producer: number;
  readonly #consumer: number;
  readonly #descs: number;
  readonly #completedProducer: number;
  readonly #completedConsumer: number;
  readonly #completedEntries: number;
  readonly #size: number;
  /** Per message: the entry behind its last one. */
  readonly #ends = new Int32Array(MESSAGES_MAX);

  /** @param umem offset of the UMEM in `bytes` */
  constructor(bytes: Uint8Array, umem: number, fd: number, rings: { sent: XdpRing; completed: XdpRing }) {
    const { sent, completed } = rings;
    this.#fd = fd;
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    this.#umem = umem;
    this.#producer = sent.producer >>> 2;
    this.#consumer = sent.consumer >>> 2;
    this.#descs = sent.entries >>> 2;
    this.#completedProducer = completed.producer >>> 2;
    this.#completedConsumer = completed.consumer >>> 2;
    this.#completedEntries = completed.entries >>> 2;
    this.#size = sent.size;
  }

  /** Sends all messages of the list as they can be sent now, and sets each one's status: 0 or an errno. */
  transmit(list: GatherList): void {
    const words = this.#words;
    const returned = this.#takeBack();
    const first = words[this.#producer]!;
    const limit = (returned + this.#size) | 0;
    let next = first;
    let count = 0;
    for (; count < list.count; count++) {
      const end = (next + piecesOf(list.wireBytes[count]!)) | 0;
      if (((limit - end) | 0) < 0) break;
      this.#write(list, count, next);
      this.#ends[count] = next = end;
    }
    list.status.fill(EAGAIN, count, list.count);
    Atomics.store(words, this.#producer, next);
    const errno = this.#kick(next);
    if (errno === 0) list.status.fill(0, 0, count);
    else this.#withdraw(list, count, first, errno);
  }

  /** Puts chunks that the kernel is done with back into the transmit ring's entries. @returns how many ever came back */
  #takeBack(): number {
    const words = this.#words;
    const mask = this.#size - 1;
    let returned = words[this.#completedConsumer]!;
    if (words[this.#completedProducer] === returned) return returned;
    const end = Atomics.load(words, this.#completedProducer);
    for (; returned !== end; returned = (returned + 1) | 0) {
      const slot = returned & mask;
      words[this.#descs + slot * DESC_WORDS + ADDR] = words[this.#completedEntries + slot * COMPLETION_WORDS]!;
    }
    Atomics.store(words, this.#completedConsumer, returned);
    return returned;
  }

  /** Copies a message into the chunks of the entries from `entry` on. */
  #write(list: GatherList, i: number, entry: number): void {
    const { partAt, partBytes } = list;
    const wire = list.wireBytes[i]!;
    const head = partAt[2 * i]! + VNET_HEADER_BYTES;
    const headBytes = partBytes[2 * i]! - VNET_HEADER_BYTES;
    const rest = partAt[2 * i + 1]! - headBytes;
    let done = 0;
    for (let at = entry; done < wire; at = (at + 1) | 0) {
      const desc = this.#descs + (at & (this.#size - 1)) * DESC_WORDS;
      const end = Math.min(wire, done + XDP_CHUNK_BYTES);
      const chunk = this.#umem + this.#words[desc + ADDR]! - done;
      const split = Math.min(end, Math.max(done, headBytes));
      this.#copy(head + done, chunk + done, split - done);
      this.#copy(rest + split, chunk + split, end - split);
      this.#words[desc + LEN] = end - done;
      this.#words[desc + OPTIONS] = end < wire ? XDP_PKT_CONTD : 0;
      done = end;
    }
  }

  #copy(from: number, to: number, bytes: number): void {
    if (bytes > 0) this.#bytes.copyWithin(to, from, from + bytes);
  }

  /** Makes the kernel take what was published up to `end`. @returns 0, or why it does not */
  #kick(end: number): number {
    const words = this.#words;
    for (let taken = words[this.#consumer]!; taken !== end;) {
      const before = taken;
      const result = sys.send(this.#fd, 0, 0, MSG_DONTWAIT);
      taken = Atomics.load(words, this.#consumer);
      // It takes so many at a time, and says EAGAIN while there are more.
      if (taken === before) return -result || EAGAIN;
    }
    return 0;
  }

  /**
   * Takes back what was published from `first` on and the kernel has not taken: in copy mode it looks at the ring during
   * `send` only. A frame that it has taken in part must stay.
   */
  #withdraw(list: GatherList, count: number, first: number, errno: number): void {
    const words = this.#words;
    const taken = Atomics.load(words, this.#consumer);
    let kept = 0;
    let end = first;
    while (kept < count && ((taken - end) | 0) > 0) end = this.#ends[kept++]!;
    list.status.fill(0, 0, kept);
    list.status.fill(errno, kept, count);
    Atomics.store(words, this.#producer, end);
  }
}

function piecesOf(bytes: number): number {
  return bytes <= XDP_CHUNK_BYTES ? 1 : Math.ceil(bytes / XDP_CHUNK_BYTES);
}
