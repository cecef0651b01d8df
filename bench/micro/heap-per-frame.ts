/**
 * What a frame costs in JavaScript: time and heap bytes per known-unicast frame through the real data path, between two
 * ports that only touch memory. What the kernel and the FFI library cost on top is not in it.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import { BATCH_FRAMES_MAX, FDB_LIMIT_MAX } from '../../src/limits.ts';
import { keyHigh, keyLow, KIND_STATIC } from '../../src/switching/fdb.ts';
import { FRAME_BYTES, makeFrame } from '../system/measure/test-frame.ts';
import { ACCESS, NOW, Rig, turnDigest } from './rig.ts';
import { type Case, measureTable, printRows, secondsPerCase } from './table.ts';

const IP = { sourceAddress: '10.77.0.10', destinationAddress: '10.77.0.11', destinationPort: 9 };
/** As many as a batch has frames: no frame of a batch has the addresses of another, and nothing found for one serves the next. */
const MANY_PAIRS = BATCH_FRAMES_MAX;
const REFERENCE = 'tswitch data path';
/** Addresses that a large table holds besides, so that look-ups are made the way large tables need. */
const OTHERS = 100_000;
const SNAP_LENGTH = 128;

/** Address of host `n` behind a port. */
function mac(port: number, n: number): string {
  const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
  return `02:00:00:00:${hex(0x0a + port)}:${hex(n)}`;
}

/** One data path for all cases, as a worker has one: V8 knows its objects. */
const rig = new Rig(
  [0, 1].map(() => ({ config: ACCESS, arrivals: null })),
  FDB_LIMIT_MAX,
);

/** @param pairs of hosts, one of each behind either port, that take turns to send */
function begin(pairs: number, others: number): void {
  const hosts = Array.from({ length: pairs }, (_, n) => n);
  for (const port of rig.ports) {
    const [here, there] = [port.handle, 1 - port.handle];
    const frames = hosts.map((n) => makeFrame({ ...IP, sourceMac: mac(here, n), destinationMac: mac(there, n) }, 0));
    port.use({ frames, tpid: 0, tci: 0 });
  }
  rig.fdb.removeWhere(({ kind }) => kind === KIND_STATIC);
  const other = Uint8Array.of(2, 1, 0, 0, 0, 0);
  for (let n = 0; n < others; n++) {
    for (let byte = 2; byte < 6; byte++) other[byte] = n >>> (8 * (5 - byte));
    rig.fdb.give(keyHigh(other, 0, ACCESS.vlan), keyLow(other, 0), 0, KIND_STATIC, NOW);
  }
  // In the first turn the hosts of one port are not known yet.
  rig.turn();
}

let current = '';

function dataPathCase(name: string, pairs: number, others = 0, snapLength: number | null = null): Case {
  return {
    name,
    operations: 2 * BATCH_FRAMES_MAX,
    runs: 1,
    run: () => {
      if (current !== name) {
        begin(pairs, others);
        rig.capture(snapLength);
      }
      current = name;
      return rig.turn();
    },
    expected: () => turnDigest([BATCH_FRAMES_MAX, BATCH_FRAMES_MAX], FRAME_BYTES),
  };
}

const options = { table: 'known unicast', per: 'frame', reference: REFERENCE, seconds: secondsPerCase() } as const;
const rows = await measureTable(options, [
  dataPathCase(REFERENCE, 1),
  dataPathCase(`${REFERENCE}, ${MANY_PAIRS} pairs`, MANY_PAIRS),
  dataPathCase(`${REFERENCE}, ${MANY_PAIRS} pairs, ${OTHERS} other addresses`, MANY_PAIRS, OTHERS),
  // Each frame twice, as it enters and as it leaves.
  dataPathCase(`${REFERENCE}, all captured`, 1, 0, SNAP_LENGTH),
]);
printRows(rows);
