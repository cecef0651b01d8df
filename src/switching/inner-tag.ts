/**
 * The inner tag: the first tag of a frame that is not the VLAN's own. A frame that entered by a tunnel keeps the tag it
 * arrived with as its inner one; for others it is the second tag. Access ports send no frame that has one, tunnels with a
 * list of customer VLANs only those with a listed VID: so what matters is one small key.
 */
import type { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import { etherType } from '../frame/ethernet.ts';
import * as vlanTag from '../frame/vlan.ts';
import { isTagTpid } from '../frame/vlan.ts';
import * as limits from '../limits.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { HEADER_BYTES, PAYLOAD } = ethernet;
const { TAG_BYTES, VID_MASK } = vlanTag;
const { VLANS } = limits;

/** Keys 1 to 4095 are inner VIDs. */
export const INNER_NONE = 0;
/** An inner tag without a VID: a priority tag, or one that is cut off. */
export const INNER_WITHOUT_VID = VLANS;
export const INNER_KEYS = VLANS + 1;

export function innerKeyOf(tpid: number, tci: number): number {
  if (tpid === 0) return INNER_NONE;
  return tci & VID_MASK || INNER_WITHOUT_VID;
}

/** @param tunnelled the frame entered by a port that keeps its own tags inside */
export function innerKey(batch: Batch, i: number, tunnelled: boolean): number {
  if (tunnelled && batch.tpid[i] !== 0) return innerKeyOf(batch.tpid[i]!, batch.tci[i]!);
  const { bytes } = batch;
  const frame = batch.offset[i]!;
  if (!isTagTpid(etherType(bytes, frame))) return INNER_NONE;
  if (batch.length[i]! < HEADER_BYTES + TAG_BYTES) return INNER_WITHOUT_VID;
  return innerKeyOf(etherType(bytes, frame), (bytes[frame + PAYLOAD]! << 8) | bytes[frame + PAYLOAD + 1]!);
}
