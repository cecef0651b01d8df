/**
 * What a call through the FFI face costs, with either library: one that does nothing (abs), one that enters the kernel
 * (getppid), and one with the parameters of the data path's that fails (sendmmsg without a socket), errno included.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line; the first row is the reference.
 */
import benny from 'benny';
import type { Ffi } from '../../native-bindings/ffi/ffi.ts';
import { openFfiRs } from '../../native-bindings/ffi/ffi-rs.ts';
import { openKoffi } from '../../native-bindings/ffi/koffi.ts';
import type { MicroRow } from './micro.ts';

/** Calls of one sample: enough that the clock costs nothing. */
const CALLS = 1000;
const NS_PER_SECOND = 1e9;

/** What the calls gave, added up, so that none can be left out. */
let sum = 0;

function cases(ffi: Ffi): { name: string; test: () => void }[] {
  const abs = ffi.bind('abs', 'int', ['int']);
  const getppid = ffi.bind('getppid', 'int', []);
  const sendmmsg = ffi.bind('sendmmsg', 'int', ['int', 'address', 'uint', 'int']);
  const make = (what: string, call: (i: number) => number) => ({
    name: `${ffi.name}: ${what}`,
    test: () => {
      for (let i = 0; i < CALLS; i++) sum = (sum + call(i)) | 0;
    },
  });
  return [
    make('abs, a trivial call', (i) => abs(i)),
    make('getppid, into the kernel', () => getppid()),
    make('sendmmsg, refused with EBADF', () => sendmmsg(-1, 0, 1, 0)),
  ];
}

const seconds = Number(process.argv[2] ?? 1);
const options = { minTime: seconds / 2, maxTime: seconds };
const summary = await benny.suite(
  'FFI call',
  ...[openKoffi(), openFfiRs()].flatMap(cases).map(({ name, test }) => benny.add(name, test, options)),
);
const rows: MicroRow[] = summary.results.map(({ name, details }) => ({
  name,
  metric: 'nsPerCall',
  value: (details.median * NS_PER_SECOND) / CALLS,
}));
process.stdout.write(`${JSON.stringify(rows)}\n`);
if (sum === 0) process.stderr.write('the calls gave nothing\n');
