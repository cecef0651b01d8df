/** The VLAN tag (IEEE 802.1Q-2022, clause 9): TPID, then the TCI with PCP (3 bits), DEI (1) and VID (12). */
export const TAG_BYTES = 4;
export const TPID_CUSTOMER = 0x8100;
export const TPID_SERVICE = 0x88a8;

export const VID_MASK = 0x0fff;
export const DEI_BIT = 0x1000;
export const PCP_SHIFT = 13;
/** PCP and DEI together: what is kept of a tag whose VID is replaced. */
export const PRIORITY_MASK = 0xf000;

/** 8100 and 88a8 are tags in every mode; 9100 and whatever lies behind the outer tag are payload. */
export function isTagTpid(etherType: number): boolean {
  return etherType === TPID_CUSTOMER || etherType === TPID_SERVICE;
}
