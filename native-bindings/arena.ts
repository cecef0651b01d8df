/**
 * Memory that the kernel and every worker share: one big SharedArrayBuffer, into which packet rings and anonymous memory
 * are mapped.
 *
 * JavaScript reads memory only through its own buffers, so a ring that the kernel maps somewhere else needs a view over
 * foreign memory, which not every FFI library gives. Here it is the other way round: the buffer reserves address space
 * (nothing of it is resident), and rings are mapped over places inside it (MAP_FIXED). So plain typed arrays see them in
 * every worker that was given the buffer, at full speed, with either library; one Uint8Array reaches everything a worker
 * touches; and a place is a small integer, the same in every thread.
 *
 * Between regions lies a page nobody may touch, and a released region becomes such pages: stale access kills the process
 * (SIGSEGV) or fails (EFAULT, if it is the kernel's) instead of corrupting what came after. Where code is to run that may write
 * anywhere by mistake, `fillGaps` puts memory of nobody's there instead.
 *
 * What the kernel finds addresses in (message headers, iovecs, descriptors in rings) lies in a part of its own at the end, `control`,
 * which `frames` does not reach: whoever is given that view can break frames, and nothing else.
 */
import assert from 'node:assert/strict';
import { fstatSync, ftruncateSync, readFileSync, readSync, writeSync } from 'node:fs';
import { EINVAL, ENOMEM } from './abi/errno.ts';
import {
  MADV_DONTFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MFD_CLOEXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from './abi/mman.ts';
import type { Ffi } from './ffi/ffi.ts';
import { SyscallError, bindSyscalls, check, ffi as chosen } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/** A place in the arena: whole pages. */
export interface Region {
  /** Of its first byte, in `sab`. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

/** Which part of the arena a region is in. */
export type Part = 'frames' | 'control';

/** The part for control structures is so much of the arena. An `xdp` port with one queue takes 0.1 MiB of it. */
const CONTROL_SHARE = 1 / 32;
/** What all gaps of an arena show once they are filled, over and over: so much memory a wild write can take at most. */
const FILLING_BYTES = 4 * 1024 * 1024;

/**
 * Smallest arena. malloc takes a block of this size from the system by itself and gives it back as a whole
 * (DEFAULT_MMAP_THRESHOLD_MAX of glibc is 32 MiB), unless its heap has a free piece that is large enough.
 */
export const ARENA_BYTES_MIN = 64 * 1024 * 1024;
/** Largest arena: an offset fits a signed 32-bit integer, one page is left over. */
export const ARENA_BYTES_MAX = 2 ** 31 - 65_536;

const ZEROS = Buffer.alloc(64 * 1024);

/** Buffers in malloc's heap. They are never collected: malloc would use their pages again, and trip over the mappings. */
const heldBack: SharedArrayBuffer[] = [];

export class Arena {
  readonly sab: SharedArrayBuffer;
  /** All of `sab`. Outside of regions, touching it kills the process, unless gaps are filled. */
  readonly bytes: Uint8Array;
  /** The part for frames, with the same offsets. */
  readonly frames: Uint8Array;
  /** Of the first byte of `sab`, for system calls; it stays as long as any thread holds `sab`. */
  readonly address: number;
  readonly #sys: Syscalls;
  readonly #pageBytes: number;
  /** Offset of the first whole page, and of the end of the last one. */
  readonly #origin: number;
  readonly #end: number;
  /** What is not taken, by ascending offset, never touching each other. */
  readonly #free: { offset: number; length: number }[];
  /** Length by offset. */
  readonly #taken = new Map<number, number>();
  /** Descriptor of the memory that is in all gaps; null: they are closed. */
  #filling: number | null = null;

  private constructor(sab: SharedArrayBuffer, ffi: Ffi) {
    this.sab = sab;
    this.bytes = new Uint8Array(sab);
    this.address = ffi.addressOf(this.bytes);
    this.#sys = bindSyscalls(ffi);
    this.#pageBytes = this.#sys.getpagesize();
    const page = this.#pageBytes;
    this.#origin = this.#roundUp(this.address) - this.address;
    this.#end = this.bytes.length - ((this.address + this.bytes.length) % page);
    const control = this.#end - this.#roundUp(sab.byteLength * CONTROL_SHARE);
    this.frames = new Uint8Array(sab, 0, control);
    // A page that is never free keeps both parts from becoming one.
    this.#free = [
      { offset: this.#origin, length: control - page - this.#origin },
      { offset: control, length: this.#end - control },
    ];
  }

  /**
   * For the control plane; workers are given `sab` and `address`.
   * @param bytes ARENA_BYTES_MIN to ARENA_BYTES_MAX; address space, not memory
   * @throws SyscallError if the system refuses
   */
  static create(bytes: number, ffi: Ffi = chosen): Arena {
    assert(bytes >= ARENA_BYTES_MIN && bytes <= ARENA_BYTES_MAX, `an arena of ${bytes} bytes`);
    const arena = new Arena(new SharedArrayBuffer(bytes), ffi);
    if (isInHeap(arena.address)) heldBack.push(arena.sab);
    arena.#close(arena.#origin, arena.#end - arena.#origin);
    return arena;
  }

  /**
   * Anonymous memory, zeroed, for reading and writing.
   * @param bytes rounded up to whole pages
   * @throws SyscallError ENOMEM if the arena or the system is full
   */
  allocate(bytes: number, part: Part = 'frames'): Region {
    return this.#place(this.#roundUp(bytes), MAP_PRIVATE | MAP_ANONYMOUS, -1, { part });
  }

  /**
   * The same for memory that the kernel is to pin (an AF_XDP socket's UMEM): a fork, for a program that is started, would
   * copy every pinned page of private memory.
   */
  allocateShared(bytes: number, part: Part = 'frames'): Region {
    return this.#place(this.#roundUp(bytes), MAP_SHARED | MAP_ANONYMOUS, -1, { part });
  }

  /**
   * The memory of `fd` (a socket's rings), for reading and writing. It stays mapped when `fd` is closed.
   * @param bytes whole pages
   * @param options.from place in `fd` of the first byte: whole pages
   * @throws SyscallError ENOMEM if the arena is full, EINVAL for broken pages, or why the system refuses
   */
  map(bytes: number, fd: number, { from = 0, part = 'frames' }: { from?: number; part?: Part } = {}): Region {
    if (this.#roundUp(bytes) !== bytes) throw new SyscallError('mmap', EINVAL, `${bytes} bytes are not whole pages`);
    return this.#place(bytes, MAP_SHARED, fd, { from, part });
  }

  /** The memory of `fd`, from `from` on, in place of that of a region of whole pages. What was in it is gone. */
  remap({ offset, length }: Region, fd: number, from: number): void {
    assert.equal(this.#taken.get(offset), length, `no region of ${length} bytes at ${offset}`);
    const at = this.address + offset;
    check('mmap', this.#sys.mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, from));
    check('madvise', this.#sys.madvise(at, length, MADV_DONTFORK));
  }

  /** Whether more than half of the part for frames is still free. */
  get isHalfFree(): boolean {
    const holes = this.#free.filter(({ offset }) => this.#partOf(offset) === 'frames');
    return holes.reduce((sum, { length }) => sum + length, 0) * 2 > this.frames.length;
  }

  /**
   * From now on what lies outside of regions is memory too: it may be touched, and is nobody's. All gaps show the same few
   * megabytes. Does nothing if it is so already.
   *
   * @throws SyscallError if the system refuses; then the gaps stay closed
   */
  fillGaps(): void {
    if (this.#filling !== null) return;
    const fd = check('memfd_create', this.#sys.memfdCreate('tswitch-gaps', MFD_CLOEXEC));
    try {
      ftruncateSync(fd, FILLING_BYTES);
      this.#filling = fd;
      for (const { offset, length } of this.#gaps()) this.#close(offset, length);
    } catch (error) {
      this.#filling = null;
      for (const { offset, length } of this.#gaps()) this.#close(offset, length);
      this.#sys.close(fd);
      throw error;
    }
  }

  /**
   * Whether anybody has written outside of regions since this was asked last; never, while gaps are closed. What was written
   * is zero again. Only what lies 0 and was 0 before is not seen.
   */
  takeWildWrites(): boolean {
    const fd = this.#filling;
    if (fd === null || fstatSync(fd).blocks === 0) return false;
    let isWritten = false;
    const piece = Buffer.allocUnsafe(ZEROS.length);
    for (let at = 0; at < FILLING_BYTES; at += piece.length) {
      readSync(fd, piece, { position: at });
      if (piece.equals(ZEROS)) continue;
      isWritten = true;
      writeSync(fd, ZEROS, 0, ZEROS.length, at);
    }
    return isWritten;
  }

  /** Lets go of what is no memory. No region may be used any more. */
  close(): void {
    if (this.#filling !== null) this.#sys.close(this.#filling);
    this.#filling = null;
  }

  /** Bytes in whole pages. */
  wholePages(bytes: number): number {
    return this.#roundUp(bytes);
  }

  /** Gives the memory back to the system. No thread may touch the region any more. */
  release(region: Region): void {
    const { offset, length } = region;
    assert.equal(this.#taken.get(offset), length, `no region of ${length} bytes at ${offset}`);
    this.#close(offset, length);
    this.#taken.delete(offset);
    this.#giveBack(offset, length + this.#pageBytes);
  }

  #place(length: number, flags: number, fd: number, { part, from = 0 }: { part: Part; from?: number }): Region {
    assert(length > 0, 'a region of 0 bytes');
    // The page that is not to be touched comes after the region.
    const offset = this.#takeFirstFit(length + this.#pageBytes, part);
    const at = this.address + offset;
    const result = this.#sys.mmap(at, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, from);
    if (result < 0) {
      this.#giveBack(offset, length + this.#pageBytes);
      throw new SyscallError('mmap', -result);
    }
    assert.equal(result, at, 'MAP_FIXED was not kept');
    // A fork, for a program that is started, would copy the page tables of every ring: it stands still for that long.
    check('madvise', this.#sys.madvise(at, length, MADV_DONTFORK));
    this.#taken.set(offset, length);
    return { offset, length };
  }

  #partOf(offset: number): Part {
    return offset < this.frames.length ? 'frames' : 'control';
  }

  #takeFirstFit(length: number, part: Part): number {
    const index = this.#free.findIndex((hole) => hole.length >= length && this.#partOf(hole.offset) === part);
    const hole = this.#free[index];
    if (hole === undefined) {
      throw new SyscallError('mmap', ENOMEM, `no ${length} bytes in a row are left in the arena`);
    }
    const { offset } = hole;
    hole.offset += length;
    hole.length -= length;
    if (hole.length === 0) this.#free.splice(index, 1);
    return offset;
  }

  /** Puts a hole in its place and joins it with its neighbours. */
  #giveBack(offset: number, length: number): void {
    const found = this.#free.findIndex((hole) => hole.offset > offset);
    const index = found === -1 ? this.#free.length : found;
    this.#free.splice(index, 0, { offset, length });
    for (let left = index; left >= index - 1; left--) {
      const hole = this.#free[left];
      const next = this.#free[left + 1];
      if (hole === undefined || next === undefined || hole.offset + hole.length !== next.offset) continue;
      hole.length += next.length;
      this.#free.splice(left + 1, 1);
    }
  }

  /** Everything between regions, and what was never used. */
  #gaps(): Region[] {
    const gaps: Region[] = [];
    let at = this.#origin;
    for (const [offset, bytes] of [...this.#taken].toSorted(([a], [b]) => a - b)) {
      if (offset > at) gaps.push({ offset: at, length: offset - at });
      at = offset + bytes;
    }
    gaps.push({ offset: at, length: this.#end - at });
    return gaps;
  }

  /** Makes pages a gap; whatever they held is gone. */
  #close(offset: number, length: number): void {
    const filling = this.#filling;
    if (filling === null) {
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
      check('mmap', this.#sys.mmap(this.address + offset, length, PROT_NONE, flags, -1, 0));
      return;
    }
    for (let at = offset; at < offset + length;) {
      const from = (at - this.#origin) % FILLING_BYTES;
      const bytes = Math.min(FILLING_BYTES - from, offset + length - at);
      const to = this.address + at;
      check('mmap', this.#sys.mmap(to, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, filling, from));
      check('madvise', this.#sys.madvise(to, bytes, MADV_DONTFORK));
      at += bytes;
    }
  }

  #roundUp(bytes: number): number {
    return Math.ceil(bytes / this.#pageBytes) * this.#pageBytes;
  }
}

/** Whether malloc's heap is around the address; also where that cannot be seen (proc_pid_maps(5)). */
function isInHeap(address: number): boolean {
  try {
    const maps = readFileSync('/proc/self/maps', 'latin1');
    const parts = [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) .*\[heap\]$/gm)];
    return parts.some(([, begin = '', end = '']) => address >= parseInt(begin, 16) && address < parseInt(end, 16));
  } catch {
    return true;
  }
}
