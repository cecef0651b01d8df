/**
 * The frames that the generator sends and the receiver compares: UDP over IPv4, correct in every checksum, numbered.
 *
 * The payload begins with a frame's number and its complement. Together they add nothing to an Internet checksum, so the
 * checksum of a frame stays right whatever its number, and a number that was damaged shows. What follows depends on the
 * payload's length, so that a payload of the wrong length shows too.
 */

/** The frame check sequence, which RFC 2544 counts and no program ever sees: 64 bytes are 60 here. */
export const FCS_BYTES = 4;
/** The shortest frame, without it. */
export const FRAME_BYTES = 60;
export const TAG_BYTES = 4;
/** Sizes of RFC 2544, section 9.1, with the frame check sequence. */
export const FRAME_SIZES = [64, 128, 256, 512, 1024, 1280, 1518];
/** Simple IMIX: of twelve frames seven, four and one have these sizes; in an order that mixes them. */
export const IMIX = [64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64];

/** Where the number is in an untagged frame. */
export const NUMBER_AT = 42;
const IP_AT = 14;
const UDP_AT = 34;
const UDP_PROTOCOL = 17;
const MARK_BYTES = 8;
/** RFC 2544, appendix C.2.6: port 9 discards; ours differ, so that other traffic is not taken for ours. */
export const LOAD_PORT = 9009;
/** Frames whose latency is measured. */
export const PROBE_PORT = 9010;
/** UDP source port of the first flow; flow n has the n-th after it. */
export const FIRST_SOURCE_PORT = 10_000;

export interface Way {
  sourceMac: string;
  destinationMac: string;
  sourceAddress: string;
  destinationAddress: string;
  destinationPort: number;
}

/** The sizes of a run of frames, without the frame check sequence. @param frameBytes of RFC 2544, or 'imix' */
export function sizesOf(frameBytes: number | string): number[] {
  const sizes = frameBytes === 'imix' ? IMIX : [Number(frameBytes)];
  return sizes.map((bytes) => bytes - FCS_BYTES);
}

/**
 * @param flow which of the flows, from 0
 * @param bytes of the frame without frame check sequence and tag; even, at least FRAME_BYTES
 * @param vlan the VLAN of its tag; null: none
 * @returns a frame with number 0
 */
export function makeFrame(way: Way, flow: number, bytes: number = FRAME_BYTES, vlan: number | null = null): Buffer {
  const frame = Buffer.alloc(bytes);
  writeNumber(frame, NUMBER_AT, 0);
  fillerOf(bytes - NUMBER_AT).copy(frame, NUMBER_AT + MARK_BYTES);
  Buffer.from(way.destinationMac.replaceAll(':', ''), 'hex').copy(frame, 0);
  Buffer.from(way.sourceMac.replaceAll(':', ''), 'hex').copy(frame, 6);
  frame.writeUInt16BE(0x0800, 12);

  frame[IP_AT] = 0x45;
  frame.writeUInt16BE(bytes - IP_AT, IP_AT + 2);
  frame[IP_AT + 8] = 64;
  frame[IP_AT + 9] = UDP_PROTOCOL;
  writeAddress(frame, IP_AT + 12, way.sourceAddress);
  writeAddress(frame, IP_AT + 16, way.destinationAddress);
  frame.writeUInt16BE(checksum(frame.subarray(IP_AT, UDP_AT), 0), IP_AT + 10);

  frame.writeUInt16BE(FIRST_SOURCE_PORT + flow, UDP_AT);
  frame.writeUInt16BE(way.destinationPort, UDP_AT + 2);
  frame.writeUInt16BE(bytes - UDP_AT, UDP_AT + 4);
  const pseudoHeader = UDP_PROTOCOL + bytes - UDP_AT;
  frame.writeUInt16BE(checksum(frame.subarray(IP_AT + 12), pseudoHeader) || 0xffff, UDP_AT + 6);
  return vlan === null ? frame : tagged(frame, vlan);
}

function tagged(frame: Buffer, vlan: number): Buffer {
  const tag = Buffer.from([0x81, 0x00, vlan >>> 8, vlan & 0xff]);
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
}

/** @param at where in `bytes` the payload begins */
export function writeNumber(bytes: Buffer, at: number, number: number): void {
  bytes.writeUInt32BE(number, at);
  bytes.writeUInt32BE(~number >>> 0, at + 4);
}

/** @returns the number in a UDP payload; null if the payload is not what was sent */
export function readNumber(payload: Buffer): number | null {
  if (payload.length < MARK_BYTES) return null;
  const number = payload.readUInt32BE(0);
  const isWhole = payload.readUInt32BE(4) === ~number >>> 0;
  return isWhole && payload.subarray(MARK_BYTES).equals(fillerOf(payload.length)) ? number : null;
}

const fillers = new Map<number, Buffer>();

/** What a payload of so many bytes holds after number and complement. */
function fillerOf(payloadBytes: number): Buffer {
  let filler = fillers.get(payloadBytes);
  if (filler === undefined) {
    filler = Buffer.from(Array.from({ length: payloadBytes - MARK_BYTES }, (_, k) => (k * 7 + payloadBytes) & 0xff));
    fillers.set(payloadBytes, filler);
  }
  return filler;
}

/**
 * The last three bytes of the `index`-th of many addresses: each another, up to 2^24 of them, and neighbours lie far apart,
 * so that whatever finds them in a table has no help from their order.
 */
export function macTail(index: number): number {
  return Math.imul(index + 1, 0x9e3779) & 0xffffff;
}

/** Replaces the last three bytes of the address that begins at `at`. No checksum covers it. */
export function writeMacTail(bytes: Uint8Array, at: number, tail: number): void {
  bytes[at + 3] = tail >>> 16;
  bytes[at + 4] = tail >>> 8;
  bytes[at + 5] = tail;
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
