/**
 * CRC-32C (Castagnoli; RFC 9260, appendix A), the checksum of SCTP. Byte by byte from a table: it is met only where an
 * SCTP frame leaves by a port that takes no checksum offload.
 */
const POLYNOMIAL_REVERSED = 0x82f63b78;

const table = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1;
  table[byte] = crc;
}

/** The CRC of the bytes in [from, to), as a signed 32-bit number; SCTP stores it low byte first. */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  for (let i = from; i < to; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc;
}
