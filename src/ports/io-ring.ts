/**
 * A worker's io_uring, used as what it serves here: many reads or writes by one system call. Nothing stays in flight: each
 * entry says RWF_NOWAIT, so the kernel carries it out within io_uring_enter, in the order of submission, or refuses it there
 * with EAGAIN. So there is no buffer that the kernel may write into later, and a worker that ends leaves nothing behind that
 * would swallow a frame. See docs/decisions/0011-tap-io.md.
 */
import { EAGAIN } from '../../native-bindings/abi/errno.ts';
import {
  IO_URING_CQE,
  IO_URING_SQE,
  IORING_OP_READ,
  IORING_OP_WRITE,
  IORING_OP_WRITEV,
  RWF_NOWAIT,
} from '../../native-bindings/abi/io-uring.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import type { IoRingPlace } from '../shared/worker-start.ts';
import { AddressWriter, type Memory } from './memory.ts';

/** Entries carried out by one system call. Both queues of so many fit a page each. */
export const IO_RING_ENTRIES = 64;

const SQE_WORDS = IO_URING_SQE.size / 4;
const CQE_WORDS = IO_URING_CQE.size / 4;

export class IoRing {
  /** Per entry of the last submission, in the order they were added: bytes moved, or -errno. */
  readonly result = new Int32Array(IO_RING_ENTRIES);
  readonly #fd: number;
  readonly #words: Int32Array;
  readonly #addresses: AddressWriter;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqes: number;
  readonly #cqMask: number;
  readonly #sqes: number;
  /** Of the submission queue, as published. */
  #tail: number;
  #count = 0;

  /** Takes the ring over, also from a worker that ended halfway: what it had not submitted yet is forgotten. */
  constructor(memory: Memory, place: IoRingPlace) {
    this.#fd = place.fd;
    this.#words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset);
    this.#addresses = new AddressWriter(this.#words, memory.address);
    this.#sqHead = (place.ringsAt + place.sqHead) >>> 2;
    this.#sqTail = (place.ringsAt + place.sqTail) >>> 2;
    this.#cqHead = (place.ringsAt + place.cqHead) >>> 2;
    this.#cqTail = (place.ringsAt + place.cqTail) >>> 2;
    this.#cqes = (place.ringsAt + place.cqes) >>> 2;
    this.#cqMask = place.cqEntries - 1;
    this.#sqes = place.sqesAt >>> 2;
    this.#tail = Atomics.load(this.#words, this.#sqHead);
    Atomics.store(this.#words, this.#sqTail, this.#tail);
    Atomics.store(this.#words, this.#cqHead, Atomics.load(this.#words, this.#cqTail));
  }

  get full(): boolean {
    return this.#count === IO_RING_ENTRIES;
  }

  /** Adds read(2). @param at offset in the memory */
  read(fd: number, at: number, bytes: number): void {
    this.#add(IORING_OP_READ, fd, at, bytes);
  }

  /** Adds write(2). */
  write(fd: number, at: number, bytes: number): void {
    this.#add(IORING_OP_WRITE, fd, at, bytes);
  }

  /** Adds writev(2). @param at offset of `count` structures (abi/socket.ts: IOVEC) */
  writev(fd: number, at: number, count: number): void {
    this.#add(IORING_OP_WRITEV, fd, at, count);
  }

  /** Carries out all that was added. What the kernel does not begin, for want of memory, has an errno as its result, too. */
  submit(): void {
    const words = this.#words;
    const count = this.#count;
    const first = this.#tail;
    this.#count = 0;
    this.#tail = (first + count) | 0;
    Atomics.store(words, this.#sqTail, this.#tail);
    const taken = sys.ioUringEnter(this.#fd, count, 0, 0);
    if (taken === count) this.#reap(count);
    else this.#takeBack(first, count, taken < 0 ? taken : -EAGAIN);
  }

  /** Forgets what the kernel did not begin. */
  #takeBack(first: number, count: number, result: number): void {
    this.#tail = Atomics.load(this.#words, this.#sqHead);
    Atomics.store(this.#words, this.#sqTail, this.#tail);
    const taken = (this.#tail - first) | 0;
    this.result.fill(result, taken, count);
    this.#reap(taken);
  }

  #reap(taken: number): void {
    const words = this.#words;
    const head = words[this.#cqHead]!;
    const completed = (Atomics.load(words, this.#cqTail) - head) | 0;
    if (completed !== taken) throw new Error(`io_uring left ${taken - completed} of ${taken} entries pending`);
    for (let k = 0; k < completed; k++) {
      const cqe = this.#cqes + ((head + k) & this.#cqMask) * CQE_WORDS;
      this.result[words[cqe + IO_URING_CQE.userData / 4]!] = words[cqe + IO_URING_CQE.res / 4]!;
    }
    Atomics.store(words, this.#cqHead, (head + completed) | 0);
  }

  /** Fields that stay zero are never written: the memory began as zeros. */
  #add(opcode: number, fd: number, at: number, length: number): void {
    const k = this.#count++;
    const sqe = this.#sqes + ((this.#tail + k) & (IO_RING_ENTRIES - 1)) * SQE_WORDS;
    const words = this.#words;
    words[sqe + IO_URING_SQE.opcode / 4] = opcode;
    words[sqe + IO_URING_SQE.fd / 4] = fd;
    this.#addresses.write(sqe + IO_URING_SQE.addr / 4, at);
    words[sqe + IO_URING_SQE.len / 4] = length;
    words[sqe + IO_URING_SQE.rwFlags / 4] = RWF_NOWAIT;
    words[sqe + IO_URING_SQE.userData / 4] = k;
  }
}
