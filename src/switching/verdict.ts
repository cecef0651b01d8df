/**
 * A verdict: what is to become of a frame, as one integer. Below FLOOD it is the handle of the egress port; FLOOD sends it
 * to every other port of its VLAN that takes such floods; from FIRST_DROP on it is a drop reason. From FIRST_OWN_DROP on it
 * is one of the reasons that a loaded logic names itself: whoever runs the logic counts it, and makes it a drop.
 */
import * as limits from '../limits.ts';
import type { DropReason } from './drop-reasons.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { PORTS_MAX } = limits;

export const UNDECIDED = -1;
export const FLOOD = PORTS_MAX;
export const FIRST_DROP = FLOOD + 1;
export const FIRST_OWN_DROP = 4096;

export function drop(reason: DropReason): number {
  return FIRST_DROP + reason;
}
