/**
 * What a loaded logic costs: known unicast through the real data path between ports that only touch memory, decided by the
 * built-in logic alone, by it behind another one, and beside one in shadow. What is added to the reference is the cost.
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import allowList from '../../examples/logics/mac-allow-list.ts';
import { BATCH_FRAMES_MAX, FDB_LIMIT_DEFAULT } from '../../src/limits.ts';
import { DEFER, defineLogic } from '../../src/sdk/logic.ts';
import { keyHigh, keyLow, KIND_STATIC } from '../../src/switching/fdb.ts';
import type { AnyLogic } from '../../src/switching/logic.ts';
import { makeFrame } from '../system/measure/test-frame.ts';
import { ACCESS, NOW, Rig, turnDigest } from './rig.ts';
import { type Case, measureTable, printRows, secondsPerCase } from './table.ts';

const SOURCE = '02:00:00:00:00:0a';
const frame = makeFrame(
  {
    sourceMac: SOURCE,
    destinationMac: '02:00:00:00:00:0b',
    sourceAddress: '10.77.0.10',
    destinationAddress: '10.77.0.11',
    destinationPort: 9,
  },
  0,
);

/** Looks at every frame, as who counts or filters does, and leaves it to the built-in logic. */
const deferringBatch = defineLogic({
  name: 'deferring-batch',
  description: 'looks at each frame of a batch',
  counters: { short: 'frames below 60 bytes' },
  create: ({ counters }) => ({
    decide: ({ verdict, length, count }) => {
      let short = 0;
      for (let i = 0; i < count; i++) if (verdict[i] === DEFER && length[i]! < 60) short++;
      if (short > 0) counters.short.add(short);
    },
  }),
});

const deferringFrame = defineLogic({
  name: 'deferring-frame',
  description: 'looks at each frame',
  counters: { short: 'frames below 60 bytes' },
  create: ({ counters }) => ({
    frame: (seen) => {
      if (seen.length < 60) counters.short.add();
      return DEFER;
    },
  }),
});

/** Gives every verdict itself: the built-in logic has nothing left to do. */
const decidingBatch = defineLogic({
  name: 'deciding-batch',
  description: 'sends all to port 1',
  create: () => ({
    decide: ({ verdict, count }) => {
      for (let i = 0; i < count; i++) if (verdict[i] === DEFER) verdict[i] = 1;
    },
  }),
});

function caseOf(name: string, logic: AnyLogic | null, isShadow = false, params: object = {}): Case {
  const arrivals = { frames: [frame], tpid: 0, tci: 0 };
  const rig = new Rig(
    [
      { config: ACCESS, arrivals },
      { config: ACCESS, arrivals: null },
    ],
    FDB_LIMIT_DEFAULT,
  );
  rig.fdb.give(keyHigh(frame, 0, ACCESS.vlan), keyLow(frame, 0), 1, KIND_STATIC, NOW);
  if (logic) rig.load([{ logic, params, isShadow }]);
  return {
    name,
    operations: BATCH_FRAMES_MAX,
    runs: 1,
    run: () => rig.turn(),
    expected: () => turnDigest([0, BATCH_FRAMES_MAX], frame.length),
  };
}

const options = { table: 'logic', per: 'frame', reference: 'built-in alone', seconds: secondsPerCase() } as const;
printRows(
  await measureTable(options, [
    caseOf('built-in alone', null),
    caseOf('by batch, looks at each frame', deferringBatch),
    caseOf('by batch, decides', decidingBatch),
    caseOf('by frame, looks at each', deferringFrame),
    caseOf('by frame, MAC allow-list', allowList, false, { allow: [SOURCE] }),
    caseOf('in shadow, MAC allow-list', allowList, true, { allow: [SOURCE] }),
  ]),
);
