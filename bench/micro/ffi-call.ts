/**
 * What a call through the FFI face costs, with either library: one that does nothing (abs), one that enters the kernel
 * (getppid), and one with the parameters of the data path's that fails (sendmmsg without a socket), errno included. And the
 * same through Node's own experimental `node:ffi` where this Node has it, which the switch does not use: it gives no errno,
 * so its last row is not told why the call failed.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import { EBADF } from '../../native-bindings/abi/errno.ts';
import { type Ffi, LIBC } from '../../native-bindings/ffi/ffi.ts';
import { openFfiRs } from '../../native-bindings/ffi/ffi-rs.ts';
import { openKoffi } from '../../native-bindings/ffi/koffi.ts';
import { EMPTY_DIGEST, fold } from './digest.ts';
import { type Case, digestOfRepeated, measureTable, printRows, secondsPerCase } from './table.ts';

/** Calls of one sample: enough that the clock costs nothing, few enough that the heap holds what ffi-rs allocates. */
const CALLS = 1000;

interface Calls {
  abs: (i: number) => number;
  getppid: () => number;
  sendmmsg: () => number;
  /** What sendmmsg gives. */
  refusal: number;
}

function throughFace(ffi: Ffi): Calls {
  const abs = ffi.bind('abs', 'int', ['int']);
  const getppid = ffi.bind('getppid', 'int', []);
  const sendmmsg = ffi.bind('sendmmsg', 'int', ['int', 'address', 'uint', 'int']);
  return { abs: (i) => abs(i), getppid: () => getppid(), sendmmsg: () => sendmmsg(-1, 0, 1, 0), refusal: -EBADF };
}

/** Null where this Node has no `node:ffi`, or not this one: it is experimental. */
async function throughNode(): Promise<Calls | null> {
  try {
    const { dlopen } = await import('node:ffi');
    const { functions } = dlopen(LIBC, {
      abs: { return: 'int32', arguments: ['int32'] },
      getppid: { return: 'int32', arguments: [] },
      sendmmsg: { return: 'int32', arguments: ['int32', 'pointer', 'uint32', 'int32'] },
    });
    const { abs, getppid, sendmmsg } = functions;
    if (abs(-1) !== 1) throw new Error('abs(-1) is not 1');
    return { abs: (i) => abs(i), getppid: () => getppid(), sendmmsg: () => sendmmsg(-1, 0n, 1, 0), refusal: -1 };
  } catch (error) {
    process.stderr.write(`node:ffi is left out: ${error instanceof Error ? error.message : String(error)}\n`);
    return null;
  }
}

function cases(library: string, { abs, getppid, sendmmsg, refusal }: Calls): Case[] {
  const make = (what: string, call: (i: number) => number, expected: () => number): Case => ({
    name: `${library}: ${what}`,
    operations: CALLS,
    runs: 1,
    run: () => {
      let digest = EMPTY_DIGEST;
      for (let i = 0; i < CALLS; i++) digest = fold(digest, call(i));
      return digest;
    },
    expected,
  });
  return [
    make(
      'abs, a trivial call',
      (i) => abs(~i),
      () => {
        let digest = EMPTY_DIGEST;
        for (let i = 0; i < CALLS; i++) digest = fold(digest, i + 1);
        return digest;
      },
    ),
    make('getppid, into the kernel', getppid, () => digestOfRepeated(process.ppid, CALLS)),
    make('sendmmsg, refused with EBADF', sendmmsg, () => digestOfRepeated(refusal, CALLS)),
  ];
}

const node = await throughNode();
const rows = await measureTable(
  { table: 'FFI call', per: 'call', reference: 'koffi: abs, a trivial call', seconds: secondsPerCase() },
  [
    ...cases('koffi', throughFace(openKoffi())),
    ...cases('ffi-rs', throughFace(openFfiRs())),
    ...(node === null ? [] : cases('node:ffi', node)),
  ],
);
printRows(rows);
