/**
 * Which FFI library this process uses: koffi, or ffi-rs where koffi cannot be loaded, or the one that the environment
 * variable TSWITCH_FFI names. Each library is loaded only when it is tried, so a broken one does not break the other.
 */
import { openFfiRs } from './ffi-rs.ts';
import type { Ffi } from './ffi.ts';
import { openKoffi } from './koffi.ts';

const LIBRARIES: Record<Ffi['name'], () => Ffi> = { koffi: openKoffi, 'ffi-rs': openFfiRs };

function isLibrary(name: string): name is Ffi['name'] {
  return Object.hasOwn(LIBRARIES, name);
}

/**
 * @param wished a library's name, or undefined for the best that loads
 * @throws Error if the name is unknown, if the one wished for cannot be loaded, or if none can
 */
export function chooseFfi(wished: string | undefined = process.env['TSWITCH_FFI']): Ffi {
  if (wished !== undefined) {
    if (!isLibrary(wished)) throw new Error(`TSWITCH_FFI is '${wished}'; it can be 'koffi' or 'ffi-rs', or unset`);
    return LIBRARIES[wished]();
  }
  try {
    return openKoffi();
  } catch (koffiError) {
    try {
      return openFfiRs();
    } catch (ffiRsError) {
      throw new AggregateError([koffiError, ffiRsError], `no FFI library loads on ${process.platform}-${process.arch}`);
    }
  }
}
