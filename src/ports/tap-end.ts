/** What ports over a TAP have in common, however they read and write it. */
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { SUPER_FRAME_BYTES_MAX } from '../limits.ts';

/** Longest thing one read returns; a TAP never splits a frame over two. */
export const READ_BYTES_MAX = SUPER_FRAME_BYTES_MAX + VNET_HEADER_BYTES;

export abstract class TapEnd {
  readonly handle: number;
  protected readonly fd: number;
  /** Whether frames may be waiting: it cannot be seen in memory. */
  protected readable: boolean;

  /** @param receives whether this worker takes the TAP's frames; it is never marked readable where not */
  constructor(handle: number, fd: number, receives: boolean) {
    this.handle = handle;
    this.fd = fd;
    this.readable = receives;
  }

  pending(): boolean {
    return this.readable;
  }

  markReadable(): void {
    this.readable = true;
  }

  /** The TAP is gone from the kernel; its descriptor says so for ever. */
  clearError(): boolean {
    return false;
  }

  claim(): void {}

  /** Nothing of a batch is the kernel's. */
  release(): void {}
}
