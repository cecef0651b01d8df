/**
 * The virtio-net header (virtio 1.2, section 5.1.6; linux/virtio_net.h: struct virtio_net_hdr), little-endian on every
 * machine this runs on. It stands in the VNET_HEADER_BYTES before a frame's first byte, wherever the frame is, and says
 * what is still to be done to it: a checksum to finish, a super-frame to segment.
 */
export const VNET_HEADER_BYTES = 10;

export const FLAGS = 0;
export const GSO_TYPE = 1;
export const HDR_LEN = 2;
export const GSO_SIZE = 4;
export const CSUM_START = 6;
export const CSUM_OFFSET = 8;

/** `flags`: the checksum at csum_start + csum_offset covers only the pseudo header yet. */
export const NEEDS_CSUM = 1;

/** `gso_type`, without the ECN bit. */
export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_UDP = 3;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
export const GSO_ECN = 0x80;

/** What a port's other side takes unfinished, as bits. `uso` came with Linux 6.2. */
export const OFFLOAD_CSUM = 1;
export const OFFLOAD_TSO4 = 2;
export const OFFLOAD_TSO6 = 4;
export const OFFLOAD_USO = 8;
export const OFFLOADS_ALL = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;

export function read16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function clearVnetHeader(bytes: Uint8Array, header: number): void {
  bytes.fill(0, header, header + VNET_HEADER_BYTES);
}

/**
 * Moves the header's offsets when `delta` bytes are put in front of (or, negative, taken from before) the network header.
 * csum_start and hdr_len count from the frame's first byte.
 */
export function shiftVnetHeader(bytes: Uint8Array, header: number, delta: number): void {
  if (bytes[header + FLAGS]! & NEEDS_CSUM) {
    write16(bytes, header + CSUM_START, read16(bytes, header + CSUM_START) + delta);
  }
  if (bytes[header + GSO_TYPE]! !== GSO_NONE) write16(bytes, header + HDR_LEN, read16(bytes, header + HDR_LEN) + delta);
}

/** The offload bits this frame needs its egress to take; `null` where no known offload expresses it. */
export function offloadsNeeded(bytes: Uint8Array, header: number): number | null {
  const gsoType = bytes[header + GSO_TYPE]! & ~GSO_ECN;
  const csum = bytes[header + FLAGS]! & NEEDS_CSUM ? OFFLOAD_CSUM : 0;
  if (gsoType === GSO_NONE) return csum;
  if (gsoType === GSO_TCPV4) return csum | OFFLOAD_TSO4;
  if (gsoType === GSO_TCPV6) return csum | OFFLOAD_TSO6;
  if (gsoType === GSO_UDP_L4) return csum | OFFLOAD_USO;
  return null;
}
