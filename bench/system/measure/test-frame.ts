/**
 * The frames that the generator sends and the receiver compares: UDP over IPv4, correct in every checksum, numbered.
 *
 * The payload begins with a frame's number and its complement. Together they add nothing to an Internet checksum, so the
 * checksum of a frame stays right whatever its number, and a number that was damaged shows.
 */

/** The shortest Ethernet frame without its frame check sequence: "64 bytes". */
export const FRAME_BYTES = 60;
export const NUMBER_AT = 42;
const IP_AT = 14;
const UDP_AT = 34;
const FILLER_AT = NUMBER_AT + 8;
const UDP_PROTOCOL = 17;
/** What the payload holds after number and complement. */
export const FILLER = Buffer.from('tswbench#!');
export const PAYLOAD_BYTES = FRAME_BYTES - NUMBER_AT;

/** UDP source port of the first flow; flow n has the n-th after it. */
export const FIRST_SOURCE_PORT = 10_000;

export interface Way {
  sourceMac: string;
  destinationMac: string;
  sourceAddress: string;
  destinationAddress: string;
  destinationPort: number;
}

/** @param flow which of the flows, from 0 @returns a frame with number 0 */
export function makeFrame(way: Way, flow: number): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  writeNumber(frame, 0, 0);
  FILLER.copy(frame, FILLER_AT);
  Buffer.from(way.destinationMac.replaceAll(':', ''), 'hex').copy(frame, 0);
  Buffer.from(way.sourceMac.replaceAll(':', ''), 'hex').copy(frame, 6);
  frame.writeUInt16BE(0x0800, 12);

  frame[IP_AT] = 0x45;
  frame.writeUInt16BE(FRAME_BYTES - IP_AT, IP_AT + 2);
  frame[IP_AT + 8] = 64;
  frame[IP_AT + 9] = UDP_PROTOCOL;
  writeAddress(frame, IP_AT + 12, way.sourceAddress);
  writeAddress(frame, IP_AT + 16, way.destinationAddress);
  frame.writeUInt16BE(checksum(frame.subarray(IP_AT, UDP_AT), 0), IP_AT + 10);

  frame.writeUInt16BE(FIRST_SOURCE_PORT + flow, UDP_AT);
  frame.writeUInt16BE(way.destinationPort, UDP_AT + 2);
  frame.writeUInt16BE(FRAME_BYTES - UDP_AT, UDP_AT + 4);
  const pseudoHeader = UDP_PROTOCOL + FRAME_BYTES - UDP_AT;
  frame.writeUInt16BE(checksum(frame.subarray(IP_AT + 12), pseudoHeader) || 0xffff, UDP_AT + 6);
  return frame;
}

/** @param frame where in `bytes` the frame begins */
export function writeNumber(bytes: Buffer, frame: number, number: number): void {
  bytes.writeUInt32BE(number, frame + NUMBER_AT);
  bytes.writeUInt32BE(~number >>> 0, frame + NUMBER_AT + 4);
}

/** @returns the number in a UDP payload; null if the payload is not what was sent */
export function readNumber(payload: Buffer): number | null {
  if (payload.length !== PAYLOAD_BYTES) return null;
  const number = payload.readUInt32BE(0);
  const isWhole = payload.readUInt32BE(4) === ~number >>> 0 && payload.subarray(8).equals(FILLER);
  return isWhole ? number : null;
}

function writeAddress(frame: Buffer, at: number, address: string): void {
  frame.set(address.split('.').map(Number), at);
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Buffer, initial: number): number {
  let sum = initial;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
