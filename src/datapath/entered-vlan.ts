/** The VLAN of a frame that has been classified but not decided on. */
import type { Batch } from '../frame/batch.ts';
import * as vlanTag from '../frame/vlan.ts';
import * as verdicts from '../switching/verdict.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { VID_MASK } = vlanTag;
const { UNDECIDED } = verdicts;

/** The one that the switch put it into; of a frame that got none, the VID of its outer tag, or 0. */
export function enteredVlan(batch: Batch, i: number): number {
  if (batch.verdict[i] === UNDECIDED) return batch.vlan[i]!;
  return batch.tpid[i] === 0 ? 0 : batch.tci[i]! & VID_MASK;
}
