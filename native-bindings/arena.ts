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
 * (SIGSEGV) or fails (EFAULT, if it is the kernel's) instead of corrupting what came after.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { EINVAL, ENOMEM } from './abi/errno.ts';
import {
  MADV_DONTFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
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

/**
 * Smallest arena. malloc takes a block of this size from the system by itself and gives it back as a whole
 * (DEFAULT_MMAP_THRESHOLD_MAX of glibc is 32 MiB), unless its heap has a free piece that is large enough.
 */
export const ARENA_BYTES_MIN = 64 * 1024 * 1024;
/** Largest arena: an offset fits a signed 32-bit integer, one page is left over. */
export const ARENA_BYTES_MAX = 2 ** 31 - 65_536;

/** Buffers in malloc's heap. They are never collected: malloc would use their pages again, and trip over the mappings. */
const heldBack: SharedArrayBuffer[] = [];

export class Arena {
  readonly sab: SharedArrayBuffer;
  /** All of `sab`. Outside of regions, touching it kills the process. */
  readonly bytes: Uint8Array;
  /** Of the first byte of `sab`, for system calls; it stays as long as any thread holds `sab`. */
  readonly address: number;
  readonly #sys: Syscalls;
  readonly #pageBytes: number;
  /** What is not taken, by ascending offset, never touching each other. */
  readonly #free: { offset: number; length: number }[];
  /** Length by offset. */
  readonly #taken = new Map<number, number>();

  private constructor(sab: SharedArrayBuffer, ffi: Ffi) {
    this.sab = sab;
    this.bytes = new Uint8Array(sab);
    this.address = ffi.addressOf(this.bytes);
    this.#sys = bindSyscalls(ffi);
    this.#pageBytes = this.#sys.getpagesize();
    const first = this.#roundUp(this.address) - this.address;
    const length = this.bytes.length - first;
    this.#free = [{ offset: first, length: length - (length % this.#pageBytes) }];
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
    const inside = arena.#free[0]!;
    arena.#close(inside.offset, inside.length);
    return arena;
  }

  /**
   * Anonymous memory, zeroed, for reading and writing.
   * @param bytes rounded up to whole pages
   * @throws SyscallError ENOMEM if the arena or the system is full
   */
  allocate(bytes: number): Region {
    return this.#place(this.#roundUp(bytes), MAP_PRIVATE | MAP_ANONYMOUS, -1);
  }

  /**
   * The same for memory that the kernel is to pin (an AF_XDP socket's UMEM): a fork, for a program that is started, would
   * copy every pinned page of private memory.
   */
  allocateShared(bytes: number): Region {
    return this.#place(this.#roundUp(bytes), MAP_SHARED | MAP_ANONYMOUS, -1);
  }

  /**
   * The memory of `fd` (a socket's rings), for reading and writing. It stays mapped when `fd` is closed.
   * @param bytes whole pages
   * @param from place in `fd` of the first byte: whole pages
   * @throws SyscallError ENOMEM if the arena is full, EINVAL for broken pages, or why the system refuses
   */
  map(bytes: number, fd: number, from = 0): Region {
    if (this.#roundUp(bytes) !== bytes) throw new SyscallError('mmap', EINVAL, `${bytes} bytes are not whole pages`);
    return this.#place(bytes, MAP_SHARED, fd, from);
  }

  /** Whether more than half of the arena is still free. */
  get isHalfFree(): boolean {
    const free = this.#free.reduce((sum, { length }) => sum + length, 0);
    return free * 2 > this.bytes.length;
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

  #place(length: number, flags: number, fd: number, from = 0): Region {
    assert(length > 0, 'a region of 0 bytes');
    // The page that is not to be touched comes after the region.
    const offset = this.#takeFirstFit(length + this.#pageBytes);
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

  #takeFirstFit(length: number): number {
    const index = this.#free.findIndex((hole) => hole.length >= length);
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

  /** Makes pages untouchable; whatever they held is gone. */
  #close(offset: number, length: number): void {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    check('mmap', this.#sys.mmap(this.address + offset, length, PROT_NONE, flags, -1, 0));
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
