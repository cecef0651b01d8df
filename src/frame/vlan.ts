/** The VLAN tag (IEEE 802.1Q-2022, clause 9): TPID, then the TCI with PCP (3 bits), DEI (1) and VID (12). */
export const TAG_BYTES = 4;
export const TPID_CUSTOMER = 0x8100;
export const TPID_SERVICE = 0x88a8;

export const VID_MASK = 0x0fff;
export const DEI_BIT = 0x1000;
export const PCP_SHIFT = 13;
/** PCP and DEI together: what is kept of a tag whose VID is replaced. */
export const PRIORITY_MASK = 0xf000;

/** A whole tag as one integer, TPID in the upper half: no object for a frame's tags. 0, as no TPID is: no tag. */
export const NO_TAG = 0;

export function tagOf(tpid: number, tci: number): number {
  return tpid === 0 ? NO_TAG : (tpid << 16) | tci;
}

/** Writes the tag in network order. @returns where what follows it begins */
export function writeTag(bytes: Uint8Array, at: number, tag: number): number {
  bytes[at] = tag >>> 24;
  bytes[at + 1] = tag >>> 16;
  bytes[at + 2] = tag >>> 8;
  bytes[at + 3] = tag;
  return at + TAG_BYTES;
}

/** 8100 and 88a8 are tags in every mode; 9100 and whatever lies behind the outer tag are payload. */
export function isTagTpid(etherType: number): boolean {
  return etherType === TPID_CUSTOMER || etherType === TPID_SERVICE;
}
