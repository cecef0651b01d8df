/**
 * The door: the only place that judges a frame's bytes. What it lets in has a whole Ethernet header, an individual source
 * address, and its outer VLAN tag beside the bytes (see batch.ts), wherever the port left it.
 */
import type { Batch } from './batch.ts';
import * as ethernet from './ethernet.ts';
import { etherType } from './ethernet.ts';
import * as vlanTag from './vlan.ts';
import { isTagTpid } from './vlan.ts';
import * as limits from '../limits.ts';
import * as vnetHeader from './vnet-header.ts';
import { shiftVnetHeader } from './vnet-header.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { ADDRESSES_BYTES, DESTINATION, ETHERTYPE, GROUP_BIT, HEADER_BYTES, SOURCE } = ethernet;
const { TAG_BYTES } = vlanTag;
const { RESERVED_ADDRESSES } = limits;
const { VNET_HEADER_BYTES } = vnetHeader;

/** What `admit` says of a frame; drop reasons are the switch's own words, so the caller maps these to them. */
export const WELCOME = 0;
export const RUNT = 1;
export const TRUNCATED_TAG = 2;
export const SOURCE_NOT_UNICAST = 3;
export const RESERVED_ADDRESS = 4;

/**
 * Judges frame `i`, and moves a tag that stands in its bytes beside them.
 * @param forwardReserved RESERVED_ADDRESSES of them; 1 at n: 01:80:c2:00:00:n is let in (IEEE 802.1Q-2022, tables 8-1, 10-1)
 */
export function admit(batch: Batch, i: number, forwardReserved: Uint8Array): number {
  const { bytes } = batch;
  const frame = batch.offset[i]!;
  if (batch.length[i]! < HEADER_BYTES) return RUNT;
  const first = bytes[frame + SOURCE]!;
  if (first & GROUP_BIT || (first === 0 && isZero(bytes, frame + SOURCE))) return SOURCE_NOT_UNICAST;
  if (bytes[frame + DESTINATION] === 0x01 && isReserved(bytes, frame) && forwardReserved[bytes[frame + 5]!] === 0) {
    return RESERVED_ADDRESS;
  }
  if (batch.tpid[i] === 0 && isTagTpid(etherType(bytes, frame))) {
    if (batch.length[i]! < HEADER_BYTES + TAG_BYTES) return TRUNCATED_TAG;
    takeTag(batch, i);
  }
  return WELCOME;
}

function isZero(bytes: Uint8Array, mac: number): boolean {
  return (bytes[mac]! | bytes[mac + 1]! | bytes[mac + 2]! | bytes[mac + 3]! | bytes[mac + 4]! | bytes[mac + 5]!) === 0;
}

/** 01:80:c2:00:00:00 to 01:80:c2:00:00:2f; the caller has seen the first byte. */
function isReserved(bytes: Uint8Array, frame: number): boolean {
  return (
    bytes[frame + 1] === 0x80 &&
    bytes[frame + 2] === 0xc2 &&
    bytes[frame + 3] === 0 &&
    bytes[frame + 4] === 0 &&
    bytes[frame + 5]! < RESERVED_ADDRESSES
  );
}

/** Moves header and addresses up over the tag; the frame then begins TAG_BYTES later. */
function takeTag(batch: Batch, i: number): void {
  const { bytes } = batch;
  const frame = batch.offset[i]!;
  batch.tpid[i] = etherType(bytes, frame);
  batch.tci[i] = (bytes[frame + ETHERTYPE + 2]! << 8) | bytes[frame + ETHERTYPE + 3]!;
  const header = frame - VNET_HEADER_BYTES;
  shiftVnetHeader(bytes, header, -TAG_BYTES);
  // So few bytes that a call of copyWithin would cost more.
  for (let at = frame + ADDRESSES_BYTES - 1; at >= header; at--) bytes[at + TAG_BYTES] = bytes[at]!;
  batch.offset[i] = frame + TAG_BYTES;
  batch.length[i] = batch.length[i]! - TAG_BYTES;
}
