/** The data path against the reference switch, in random worlds. See test/model. */
import { expect, test } from 'vitest';
import { storm, stormSeed } from '../model/storm.ts';
import { memorySwitch } from '../support/memory-switch.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 1_000_000 : 20_000;

/** What a storm of this length is sure to meet: a generator that no longer reaches a rule is a test that lies. */
const MET = [
  'forwarded',
  'flooded',
  'evicted',
  'INGRESS_DOWN',
  'LOOP_BLOCKED',
  'RUNT',
  'SOURCE_NOT_UNICAST',
  'RESERVED_ADDRESS',
  'TRUNCATED_TAG',
  'VID_RESERVED',
  'NOT_A_MEMBER',
  'UNTAGGED_ON_TRUNK',
  'CVLAN_NOT_ALLOWED',
  'SOURCE_PINNED',
  'HAIRPIN',
  'EGRESS_NOT_A_MEMBER',
  'EGRESS_DOWN',
  'ISOLATED',
  'INNER_TAG',
  'NO_EGRESS',
  'OVER_MTU',
];

test(`${FRAMES} frames in random worlds do what the reference switch says`, { timeout: 1_800_000 }, async () => {
  const seed = stormSeed();
  const { happened } = await storm({ seed, frames: FRAMES, stage: 'memory', open: (world) => memorySwitch(world) });
  const isReplay = process.env['TSWITCH_WORLD'] !== undefined;
  expect(isReplay ? [] : MET.filter((what) => !happened[what]), `never met with seed ${seed}`).toEqual([]);
});
