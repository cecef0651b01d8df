/**
 * The Ethernet header (IEEE 802.3-2022, clause 3) as offsets from a frame's first byte.
 * Accessors do not check bounds: `admit` is the only place that judges bytes.
 */
export const DESTINATION = 0;
export const SOURCE = 6;
export const ETHERTYPE = 12;
export const PAYLOAD = 14;
export const HEADER_BYTES = PAYLOAD;
export const MAC_BYTES = 6;
/** Both MAC addresses: what stays in front of a tag that is pushed. */
export const ADDRESSES_BYTES = 2 * MAC_BYTES;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

/** The I/G bit of an address's first byte: a group (multicast or broadcast) address. */
export const GROUP_BIT = 0x01;

export function etherType(bytes: Uint8Array, frame: number): number {
  return (bytes[frame + ETHERTYPE]! << 8) | bytes[frame + ETHERTYPE + 1]!;
}
