/**
 * The frames that the doctor sends: UDP and TCP over IPv4 between two addresses of its own, told apart by their source
 * port. Nobody has these addresses, so no host's stack answers.
 */
import { ADDRESSES_BYTES, ETHERTYPE_IPV4, MAC_BYTES } from '../../frame/ethernet.ts';
import {
  IPV4_CHECKSUM,
  IPV4_HEADER_BYTES_MIN as IPV4_BYTES,
  IPV4_SOURCE,
  IpHeaders,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readNetwork16,
  writeNetwork16,
} from '../../frame/ip.ts';
import { closeSum, completeChecksum, sumBytes } from '../../frame/offload/checksum.ts';
import {
  CSUM_OFFSET,
  CSUM_START,
  FLAGS,
  GSO_NONE,
  GSO_SIZE,
  GSO_TCPV4,
  GSO_TYPE,
  HDR_LEN,
  NEEDS_CSUM,
  VNET_HEADER_BYTES,
  write16,
} from '../../frame/vnet-header.ts';
import { TAG_BYTES, TPID_CUSTOMER } from '../../frame/vlan.ts';

/** A frame as a packet socket with virtio-net headers sends and receives it, tags in its bytes. */
export interface Framed {
  /** VNET_HEADER_BYTES; its offsets count the tags in `frame`. */
  header: Uint8Array;
  frame: Uint8Array;
}

export interface Ends {
  source: Uint8Array;
  destination: Uint8Array;
}

const UDP_BYTES = 8;
const TCP_BYTES = 20;
const TCP_SEQUENCE = 4;
const FIRST_SEQUENCE = 1;
/** Of the block for benchmarks of devices (RFC 2544, appendix C; RFC 6890). */
const SOURCE_IP = [198, 18, 0, 1];
const TARGET_IP = [198, 18, 0, 2];
/** "Discard" (RFC 863). */
const TARGET_PORT = 9;

const headers = new IpHeaders();

/** @param ipBytes of the whole IPv4 packet: 60 for the shortest Ethernet frame less its header */
export function udpFrame(
  ends: Ends,
  tags: readonly number[],
  number: number,
  ipBytes: number,
  leavesChecksum = false,
): Framed {
  const l4 = new Uint8Array(ipBytes - IPV4_BYTES);
  putWords(l4, 0, number, TARGET_PORT, l4.length, 0);
  fillPayload(l4, UDP_BYTES);
  return build(ends, tags, PROTOCOL_UDP, l4, { checksumAt: 6, leavesChecksum, segmentBytes: 0 });
}

/** An unsegmented TCP frame with `segments` times `segmentBytes` of payload. */
export function superFrame(
  ends: Ends,
  tags: readonly number[],
  number: number,
  segments: number,
  segmentBytes: number,
): Framed {
  const l4 = new Uint8Array(TCP_BYTES + segments * segmentBytes);
  // Data offset 5 words, ACK, window 1024.
  putWords(l4, 0, number, TARGET_PORT, 0, FIRST_SEQUENCE, 0, 1, 0x5010, 1024, 0, 0);
  fillPayload(l4, TCP_BYTES);
  return build(ends, tags, PROTOCOL_TCP, l4, { checksumAt: 16, leavesChecksum: true, segmentBytes });
}

/** An LLDP-like frame to an address that bridges keep to themselves (IEEE 802.1Q-2022, table 8-1). */
export function toAddress(address: readonly number[], ends: Ends, tags: readonly number[], number: number): Framed {
  const framed = udpFrame(ends, tags, number, 46);
  framed.frame.set(address);
  return framed;
}

export function isSuper({ header }: Framed): boolean {
  return header[GSO_TYPE] !== GSO_NONE;
}

/** The probe's number, if the frame is one from this source. */
export function numberOf({ frame }: Framed, source: Uint8Array): number | null {
  if (!source.every((byte, k) => frame[MAC_BYTES + k] === byte)) return null;
  return headers.locate(frame, 0, frame.length) ? readNetwork16(frame, headers.transport) : null;
}

/** Whether `arrived` is `sent`, byte for byte, the checksum finished or still left to whom it passes. */
export function isSame(sent: Framed, arrived: Framed): boolean {
  const a = isSuper(sent) ? sent.frame : finished(sent);
  const b = isSuper(sent) ? arrived.frame : finished(arrived);
  return isSuper(sent) === isSuper(arrived) && a !== null && b !== null && Buffer.compare(a, b) === 0;
}

/** Whether the arrived frames are the segments of the super-frame, each with its checksum right, all of the payload there. */
export function areSegmentsOf(sent: Framed, arrived: readonly Framed[]): boolean {
  const payload = segmentOf(sent.frame).bytes;
  const parts = arrived.map(finished).filter((frame) => frame !== null && hasRightChecksum(frame));
  if (parts.length !== arrived.length) return false;
  const bySequence = parts.flatMap((frame) => (frame ? [segmentOf(frame)] : [])).sort((a, b) => a.at - b.at);
  const isComplete = bySequence.reduce((end, { at, bytes }) => (at === end ? at + bytes.length : -1), 0);
  return (
    isComplete === payload.length &&
    Buffer.compare(Buffer.concat(bySequence.map(({ bytes }) => bytes)), Buffer.from(payload)) === 0
  );
}

function build(
  { source, destination }: Ends,
  tags: readonly number[],
  protocol: number,
  l4: Uint8Array,
  how: { checksumAt: number; leavesChecksum: boolean; segmentBytes: number },
): Framed {
  const start = ADDRESSES_BYTES + tags.length * TAG_BYTES + 2;
  const frame = new Uint8Array(start + IPV4_BYTES + l4.length);
  frame.set(destination);
  frame.set(source, MAC_BYTES);
  putWords(frame, ADDRESSES_BYTES, ...tags.flatMap((vid) => [TPID_CUSTOMER, vid]), ETHERTYPE_IPV4);
  putWords(frame, start, 0x4500, IPV4_BYTES + l4.length, 1, 0x4000, 0x4000 | protocol, 0);
  frame.set([...SOURCE_IP, ...TARGET_IP], start + IPV4_SOURCE);
  putWords(frame, start + IPV4_CHECKSUM, closeSum(sumBytes(frame, start, start + IPV4_BYTES)));
  const transport = start + IPV4_BYTES;
  frame.set(l4, transport);
  putWords(frame, transport + how.checksumAt, pseudoSum(protocol, l4.length));
  const header = new Uint8Array(VNET_HEADER_BYTES);
  header[FLAGS] = NEEDS_CSUM;
  write16(header, CSUM_START, transport);
  write16(header, CSUM_OFFSET, how.checksumAt);
  if (how.segmentBytes > 0) {
    header[GSO_TYPE] = GSO_TCPV4;
    write16(header, HDR_LEN, transport + TCP_BYTES);
    write16(header, GSO_SIZE, how.segmentBytes);
  }
  const framed = { header, frame };
  if (how.leavesChecksum) return framed;
  const whole = finished(framed);
  if (whole === null) throw new Error('a probe frame has a checksum where none can be');
  return { header: new Uint8Array(VNET_HEADER_BYTES), frame: whole };
}

/** The frame with its checksum finished, in memory of its own; null where the header asks for what cannot be. */
function finished({ header, frame }: Framed): Uint8Array | null {
  const bytes = new Uint8Array(VNET_HEADER_BYTES + frame.length);
  bytes.set(header);
  bytes.set(frame, VNET_HEADER_BYTES);
  const isDone = completeChecksum(bytes, 0, VNET_HEADER_BYTES, frame.length);
  return isDone ? bytes.subarray(VNET_HEADER_BYTES) : null;
}

function hasRightChecksum(frame: Uint8Array): boolean {
  if (!headers.locate(frame, 0, frame.length)) return false;
  const { transport, end } = headers;
  return closeSum(sumBytes(frame, transport, end) + pseudoSum(PROTOCOL_TCP, end - transport)) === 0;
}

/** The pseudo header's part of a checksum (RFC 9293, section 3.1). */
function pseudoSum(protocol: number, l4Bytes: number): number {
  const pseudo = Uint8Array.from([...SOURCE_IP, ...TARGET_IP, 0, protocol, l4Bytes >>> 8, l4Bytes & 0xff]);
  return sumBytes(pseudo, 0, pseudo.length);
}

/** What a TCP segment carries, and where in the stream. */
function segmentOf(frame: Uint8Array): { at: number; bytes: Uint8Array } {
  headers.locate(frame, 0, frame.length);
  const { transport, end } = headers;
  const at = new DataView(frame.buffer, frame.byteOffset).getUint32(transport + TCP_SEQUENCE) - FIRST_SEQUENCE;
  return { at, bytes: frame.subarray(transport + TCP_BYTES, end) };
}

/** Bytes that differ along the way, so that a shift shows. */
function fillPayload(l4: Uint8Array, from: number): void {
  for (let at = from; at < l4.length; at++) l4[at] = at % 251;
}

function putWords(bytes: Uint8Array, at: number, ...words: number[]): void {
  for (const [k, word] of words.entries()) writeNetwork16(bytes, at + 2 * k, word);
}
