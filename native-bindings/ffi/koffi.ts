/**
 * The face over koffi, the default. A wrapper is the C call and one comparison. There is a closure per number of
 * parameters, because rest parameters are an array on every call that V8 has not optimised (yet, or any more).
 */
import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';
import { LIBC, refuseEmpty, refuseZeroInside } from './ffi.ts';
import type { CArgument, CFunction, CResult, CType, Ffi } from './ffi.ts';

type Koffi = typeof import('koffi');
type Native = ReturnType<LibraryHandle['func']>;

/** An address as a result is signed, so that MAP_FAILED arrives as -1; real ones are below 2^47. */
const RESULTS: Record<CResult, string> = { int: 'int32_t', uint: 'uint32_t', long: 'int64_t', address: 'int64_t' };
const PARAMETERS: Record<CType, string> = {
  int: 'int32_t',
  uint: 'uint32_t',
  long: 'int64_t',
  address: 'uintptr_t',
  bytes: 'uint8_t *',
  string: 'const char *',
};

/** Throws if koffi has no binary for this platform. */
export function openKoffi(): Ffi {
  const koffi: Koffi = createRequire(import.meta.url)('koffi');
  const libc = koffi.load(LIBC);
  return {
    name: 'koffi',
    bind(name, result, parameters) {
      const types = parameters.map((type) => PARAMETERS[type]);
      const call = withErrno(libc.func(name, RESULTS[result], types), parameters.length, koffi.errno);
      return parameters.includes('string') ? checkingStrings(call) : call;
    },
    bindWaiting(name, result, parameters) {
      const native = libc.func(
        name,
        RESULTS[result],
        parameters.map((type) => PARAMETERS[type]),
      );
      return (...args) => {
        for (const argument of args) if (typeof argument === 'string') refuseZeroInside(argument);
        return new Promise((resolve, reject) => {
          native.async(...args, (error: Error | null, value: number | bigint) => {
            if (error) reject(error);
            // In the callback, errno is that of its call.
            else resolve(value === -1 ? -koffi.errno() : Number(value));
          });
        });
      };
    },
    addressOf(bytes) {
      refuseEmpty(bytes);
      return Number(koffi.address(bytes));
    },
  };
}

/** `f` with a result of -1 turned into -errno. `Number` is for the 64-bit results koffi gives as BigInt (above 2^53). */
function withErrno(f: Native, parameters: number, errno: Koffi['errno']): CFunction {
  const finish = (result: number | bigint): number => (result === -1 ? -errno() : Number(result));
  switch (parameters) {
    case 0:
      return () => finish(f());
    case 1:
      return (a) => finish(f(a));
    case 2:
      return (a, b) => finish(f(a, b));
    case 3:
      return (a, b, c) => finish(f(a, b, c));
    case 4:
      return (a, b, c, d) => finish(f(a, b, c, d));
    case 5:
      return (a, b, c, d, e) => finish(f(a, b, c, d, e));
    case 6:
      return (a, b, c, d, e, g) => finish(f(a, b, c, d, e, g));
    default:
      throw new RangeError(`a C function of ${parameters} parameters: six at most`);
  }
}

function checkingStrings(call: CFunction): CFunction {
  return (...args: CArgument[]) => {
    for (const argument of args) if (typeof argument === 'string') refuseZeroInside(argument);
    return call(...args);
  };
}
