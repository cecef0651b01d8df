/**
 * The one face over the FFI libraries. A bound function takes and gives plain numbers (and byte arrays, as pointers to
 * their first byte), and reports failure the kernel's way: a result of -1 becomes -errno, so that no caller has to ask
 * for errno before something else overwrites it.
 *
 * Both libraries do everything this face asks for; they differ in speed only (koffi adds tens of nanoseconds to a call,
 * ffi-rs some microseconds, and it allocates). Views over foreign memory are not part of the face: see ../arena.ts.
 *
 * Arguments are not checked: a wrong length or address is undefined behaviour, as in C, and both libraries cut numbers
 * down to the C type in silence (1.5 is 1, 2^32 is 0 for an `int`).
 */

/**
 * C types of parameters: `int` and `uint` (32 bit), `long` (64 bit, signed; exact to 2^53), `address` (an unsigned 64-bit
 * pointer as a number: user space ends at 2^47), `bytes` (a Uint8Array passed as a pointer to its first byte, or null),
 * `string` (copied, zero-terminated UTF-8; a string that holds a zero is refused with a TypeError, since C would take it
 * for a shorter one). Results: the first four.
 */
export type CResult = 'int' | 'uint' | 'long' | 'address';
export type CType = CResult | 'bytes' | 'string';
export type CArgument = number | string | Uint8Array | null;

/** Gives the C function's result, or -errno where the C function returned -1 (for `address`: all bits set). */
export type CFunction = (...args: CArgument[]) => number;

/** The same, as a promise. */
export type CWaitingFunction = (...args: CArgument[]) => Promise<number>;

export interface Ffi {
  readonly name: 'koffi' | 'ffi-rs';
  /** Binds a function of libc, of six parameters at most. Throws where libc has no such function. */
  bind(name: string, result: CResult, parameters: readonly CType[]): CFunction;
  /**
   * The same for what may wait in the kernel: each call is made on a helper thread while this one goes on. That thread need not be
   * in the namespaces that this one is in. Byte arrays must not be changed until the promise has settled.
   */
  bindWaiting(name: string, result: CResult, parameters: readonly CType[]): CWaitingFunction;
  /**
   * The address of the array's first byte. It stays valid for as long as the array's buffer is referenced. An empty
   * array has none: throws a RangeError.
   */
  addressOf(bytes: Uint8Array): number;
}

export const LIBC = 'libc.so.6';

/** For implementations: both agree on what may not be passed to C. */
export function refuseZeroInside(text: string): void {
  if (text.includes('\0')) throw new TypeError('a string for a C function holds a zero byte');
}

/** For implementations: an empty array has no first byte. */
export function refuseEmpty(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new RangeError('an empty array has no address');
}
