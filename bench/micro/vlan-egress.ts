/**
 * What leaving costs by what happens to the tags, and what a flood costs, through the real data path between ports that only
 * touch memory. Before anything is timed, one turn's frames are compared with those that must leave, byte by byte.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import { BATCH_FRAMES_MAX, FDB_LIMIT_DEFAULT } from '../../src/limits.ts';
import type { PortConfig } from '../../src/shared/commands.ts';
import { keyHigh, keyLow, KIND_STATIC } from '../../src/switching/fdb.ts';
import { FRAME_BYTES, makeFrame } from '../system/measure/test-frame.ts';
import { ACCESS, type Arrivals, NOW, Rig, turnDigest } from './rig.ts';
import { type Case, measureTable, printRows, secondsPerCase } from './table.ts';

const VLAN = 10;
const SERVICE_VLAN = 20;
const CUSTOMER = 0x8100;
const SERVICE = 0x88a8;
/** PCP 5: priority is to be kept. */
const PRIORITY = 0xa000;
const WAY = {
  sourceMac: '02:00:00:00:00:0a',
  destinationMac: '02:00:00:00:00:0b',
  sourceAddress: '10.77.0.10',
  destinationAddress: '10.77.0.11',
  destinationPort: 9,
};
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const FLOODED_TO = [1, 8, 64, 255];

const access: PortConfig = { ...ACCESS, vlan: VLAN };
const trunk: PortConfig = { ...ACCESS, mode: 'trunk', vlan: 0 };
const tunnel: PortConfig = { ...ACCESS, mode: 'dot1q-tunnel', vlan: SERVICE_VLAN };

/** The frame with these tags between its addresses and its EtherType. */
function tagged(frame: Uint8Array, ...tags: readonly [tpid: number, tci: number][]): Uint8Array {
  const bytes = tags.flatMap(([tpid, tci]) => [tpid >> 8, tpid & 255, tci >> 8, tci & 255]);
  return Uint8Array.from([...frame.subarray(0, 12), ...bytes, ...frame.subarray(12)]);
}

/** Port 0 gets the arrivals; each of the others must send every one of them as `leaves` says. */
function caseOf(name: string, configs: readonly PortConfig[], arrivals: Arrivals, leaves: Uint8Array): Case {
  const rig = new Rig(
    configs.map((config, handle) => ({ config, arrivals: handle === 0 ? arrivals : null })),
    FDB_LIMIT_DEFAULT,
  );
  const [frame] = arrivals.frames;
  const destination = frame!.subarray(0, 6);
  if (destination[0] !== 0xff) {
    for (const vlan of [VLAN, SERVICE_VLAN]) {
      rig.fdb.give(keyHigh(destination, 0, vlan), keyLow(destination, 0), 1, KIND_STATIC, NOW);
    }
  }
  const takers = configs.length - 1;
  rig.record().forEach((sent, handle) => {
    const wanted = handle === 0 ? 0 : BATCH_FRAMES_MAX;
    const isRight = sent.length === wanted && sent.every((message) => Buffer.compare(message, leaves) === 0);
    if (!isRight) throw new Error(`${name}: port ${handle} sends other frames than it must`);
  });
  return {
    name,
    operations: BATCH_FRAMES_MAX * takers,
    runs: 1,
    run: () => rig.turn(),
    expected: () => turnDigest([0, ...configs.slice(1).map(() => BATCH_FRAMES_MAX)], leaves.length),
  };
}

const frame = makeFrame(WAY, 0);
const flooded = makeFrame({ ...WAY, destinationMac: BROADCAST }, 0);
const untagged: Arrivals = { frames: [frame], tpid: 0, tci: 0 };
const inVlan: Arrivals = { frames: [frame], tpid: CUSTOMER, tci: PRIORITY | VLAN };
if (frame.length !== FRAME_BYTES) throw new Error('the frame is not of the shortest length');

const options = { table: 'VLAN egress', per: 'frame', reference: 'whole frame', seconds: secondsPerCase() } as const;
const rows = await measureTable(options, [
  caseOf('whole frame', [access, access], untagged, frame),
  caseOf('tag pushed', [access, trunk], untagged, tagged(frame, [CUSTOMER, VLAN])),
  caseOf('tag popped', [trunk, access], inVlan, frame),
  caseOf('tag kept', [trunk, trunk], inVlan, tagged(frame, [CUSTOMER, PRIORITY | VLAN])),
  caseOf('two tags', [tunnel, trunk], inVlan, tagged(frame, [SERVICE, SERVICE_VLAN], [CUSTOMER, PRIORITY | VLAN])),
  ...FLOODED_TO.map((takers) =>
    caseOf(
      `flooded to ${takers}, per copy`,
      Array.from({ length: 1 + takers }, () => access),
      { ...untagged, frames: [flooded] },
      flooded,
    ),
  ),
]);
printRows(rows);
