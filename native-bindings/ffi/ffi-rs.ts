/**
 * The face over ffi-rs, for platforms that koffi has no binary for. It is told anew at every call what the function looks
 * like (an object and an array), which costs microseconds and garbage; that is its way, and nothing here can change it.
 */
import { createRequire } from 'node:module';
import type { DataType } from 'ffi-rs';
import { LIBC, refuseEmpty, refuseZeroInside } from './ffi.ts';
import type { CArgument, CFunction, CResult, CType, CWaitingFunction, Ffi } from './ffi.ts';

type FfiRs = typeof import('ffi-rs');
type NumberType = DataType.I32 | DataType.U32 | DataType.I64;

/** Throws if ffi-rs has no binary for this platform. */
export function openFfiRs(): Ffi {
  const ffiRs: FfiRs = createRequire(import.meta.url)('ffi-rs');
  ffiRs.open({ library: LIBC, path: LIBC });
  const bind = binder(ffiRs);
  const bindWaiting = waitingBinder(ffiRs);
  const memcpy = bind('memcpy', 'address', ['bytes', 'bytes', 'long']);
  // ffi-rs looks a function up when it is called; dlsym (in libc itself since glibc 2.34) tells when it is bound.
  const dlsym = bind('dlsym', 'address', ['address', 'string']);
  return {
    name: 'ffi-rs',
    bind(name, result, parameters) {
      refuseUnknown(name, parameters);
      return bind(name, result, parameters);
    },
    bindWaiting(name, result, parameters) {
      refuseUnknown(name, parameters);
      return bindWaiting(name, result, parameters);
    },
    addressOf(bytes) {
      refuseEmpty(bytes);
      // Copies nothing; memcpy returns its first argument.
      return memcpy(bytes, bytes, 0);
    },
  };

  function refuseUnknown(name: string, parameters: readonly CType[]): void {
    if (parameters.length > 6) throw new RangeError(`a C function of ${parameters.length} parameters: six at most`);
    if (dlsym(0, name) === 0) throw new Error(`${LIBC} has no function ${name}`);
  }
}

function binder(ffiRs: FfiRs): Ffi['bind'] {
  const describe = describer(ffiRs);
  return (name, result, parameters): CFunction => {
    const describeCall = describe(name, result, parameters);
    return (...args: CArgument[]) => {
      const { value, errnoCode } = ffiRs.load<NumberType, true>(describeCall(args));
      return value === -1 ? -errnoCode : value;
    };
  };
}

function waitingBinder(ffiRs: FfiRs): Ffi['bindWaiting'] {
  const describe = describer(ffiRs);
  return (name, result, parameters): CWaitingFunction => {
    const describeCall = describe(name, result, parameters);
    return async (...args: CArgument[]) => {
      const { value, errnoCode } = await ffiRs.load<NumberType, true, true>({
        ...describeCall(args),
        runInNewThread: true,
      });
      return value === -1 ? -errnoCode : value;
    };
  };
}

/** What ffi-rs is told of a function when it is bound, and of a call. */
function describer({ DataType: T }: FfiRs) {
  // Addresses are signed as results for the same reason as in koffi.ts.
  const numbers: Record<CResult, NumberType> = { int: T.I32, uint: T.U32, long: T.I64, address: T.I64 };
  // Strings go as bytes, because ffi-rs would keep its own copy of one for ever.
  const types: Record<CType, DataType> = { ...numbers, bytes: T.U8Array, string: T.U8Array };

  return (name: string, result: CResult, parameters: readonly CType[]) => {
    const retType = numbers[result];
    const paramsType = parameters.map((type) => types[type]);
    const isPlain = !parameters.includes('bytes') && !parameters.includes('string');
    return (args: CArgument[]) => ({
      library: LIBC,
      funcName: name,
      retType,
      // Null is not a byte array to ffi-rs: it goes as the number 0.
      paramsType: isPlain ? paramsType : paramsType.map((type, i) => (args[i] === null ? T.I64 : type)),
      paramsValue: isPlain ? args : args.map(toNative),
      errno: true as const,
    });
  };
}

function toNative(argument: CArgument): number | Uint8Array {
  if (argument === null) return 0;
  if (typeof argument !== 'string') return argument;
  refuseZeroInside(argument);
  return new TextEncoder().encode(`${argument}\0`);
}
