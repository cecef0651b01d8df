/** Frames for tests of logics, with right lengths and checksums. Slow and plain: it is for tests alone. */
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../frame/ethernet.ts';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../frame/ip.ts';
import { closeSum, sumBytes } from '../frame/offload/checksum.ts';
import { ipv4, macHigh, macLow } from '../switching/logic-text.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** Shortest frame of the medium, without its check sequence (IEEE 802.3-2022, 4.2.3.3). */
const FRAME_BYTES_MIN = 60;
const LOCAL_EXPERIMENTAL = 0x88b5;
const TCP_ACK = 0x10;

export interface FrameFields {
  /** MAC addresses; to everybody, from 02:00:00:00:00:01 by default. */
  dst?: string;
  src?: string;
  /** VIDs of its tags, from the outside in. */
  tags?: readonly number[];
  etherType?: number;
  payload?: Uint8Array;
}

export interface DatagramFields extends Omit<FrameFields, 'etherType'> {
  sourceIp?: string;
  destinationIp?: string;
  sourcePort?: number;
  destinationPort?: number;
  /** TCP flags; ACK by default. */
  flags?: number;
}

/** `02:00:00:00:00:0n`: an address that tells its number. */
export function mac(n: number): string {
  const hex = n.toString(16).padStart(8, '0');
  return `02:00:${hex.match(/../g)!.join(':')}`;
}

export function frame(fields: FrameFields = {}): Uint8Array {
  const {
    dst = BROADCAST,
    src = mac(1),
    tags = [],
    etherType = LOCAL_EXPERIMENTAL,
    payload = new Uint8Array(46),
  } = fields;
  const bytes = [...macBytes(dst), ...macBytes(src), ...tags.flatMap((vid) => words(0x8100, vid)), ...words(etherType)];
  const whole = Uint8Array.from([...bytes, ...payload]);
  if (whole.length >= FRAME_BYTES_MIN) return whole;
  const padded = new Uint8Array(FRAME_BYTES_MIN);
  padded.set(whole);
  return padded;
}

/** @param targetIp who is asked for */
export function arpRequest(src: string, sourceIp: string, targetIp: string): Uint8Array {
  const fixed = words(1, ETHERTYPE_IPV4, 0x0604, 1);
  const body = [
    ...fixed,
    ...macBytes(src),
    ...ipBytes(sourceIp),
    ...macBytes('00:00:00:00:00:00'),
    ...ipBytes(targetIp),
  ];
  return frame({ src, etherType: ETHERTYPE_ARP, payload: Uint8Array.from(body) });
}

export function udp(fields: DatagramFields = {}): Uint8Array {
  const { sourcePort = 1024, destinationPort = 9, payload = new Uint8Array(0) } = fields;
  const segment = [...words(sourcePort, destinationPort, 8 + payload.length, 0), ...payload];
  return datagram(fields, PROTOCOL_UDP, segment, 6);
}

export function tcp(fields: DatagramFields = {}): Uint8Array {
  const { sourcePort = 1024, destinationPort = 80, payload = new Uint8Array(0), flags = TCP_ACK } = fields;
  const segment = [...words(sourcePort, destinationPort, 0, 1, 0, 1, 0x5000 | flags, 1024, 0, 0), ...payload];
  return datagram(fields, PROTOCOL_TCP, segment, 16);
}

function datagram(fields: DatagramFields, protocol: number, segment: number[], checksumAt: number): Uint8Array {
  const { sourceIp = '10.0.0.1', destinationIp = '10.0.0.2' } = fields;
  const addresses = [...ipBytes(sourceIp), ...ipBytes(destinationIp)];
  const covered = [...addresses, 0, protocol, ...words(segment.length), ...segment];
  segment.splice(checksumAt, 2, ...words(checksum(covered)));
  const header = [0x45, 0, ...words(20 + segment.length, 1, 0x4000), 64, protocol, 0, 0, ...addresses];
  header.splice(10, 2, ...words(checksum(header)));
  return frame({ ...fields, etherType: ETHERTYPE_IPV4, payload: Uint8Array.from([...header, ...segment]) });
}

/** Whether the checksums of an untagged IPv4 frame, and of TCP or UDP in it, are right. */
export function hasRightChecksums(bytes: Uint8Array): boolean {
  const at = 14;
  const headerBytes = (bytes[at]! & 15) * 4;
  const end = at + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  const protocol = bytes[at + 9]!;
  if (checksum([...bytes.subarray(at, at + headerBytes)]) !== 0) return false;
  if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) return true;
  const segment = bytes.subarray(at + headerBytes, end);
  return checksum([...bytes.subarray(at + 12, at + 20), 0, protocol, ...words(segment.length), ...segment]) === 0;
}

function checksum(bytes: readonly number[]): number {
  return closeSum(sumBytes(Uint8Array.from(bytes), 0, bytes.length));
}

function words(...values: number[]): number[] {
  return values.flatMap((value) => [(value >>> 8) & 255, value & 255]);
}

function macBytes(text: string): number[] {
  return [...words(macHigh(text)), ...words(macLow(text) >>> 16, macLow(text))];
}

function ipBytes(text: string): number[] {
  return words(ipv4(text) >>> 16, ipv4(text));
}
