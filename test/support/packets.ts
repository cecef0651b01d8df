/** IPv4 packets in Ethernet frames, as tests need them: made, and checked by code of their own. */
import {
  CSUM_OFFSET,
  CSUM_START,
  FLAGS,
  GSO_NONE,
  GSO_SIZE,
  GSO_TYPE,
  HDR_LEN,
  NEEDS_CSUM,
  VNET_HEADER_BYTES,
  write16,
} from '../../src/frame/vnet-header.ts';
import { frame, macBytes } from './frames.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
/** Where the checksum stands in the transport header. */
const CHECKSUM_AT = { [PROTOCOL_ICMP]: 2, [PROTOCOL_TCP]: 16, [PROTOCOL_UDP]: 6 } as const;
type Protocol = keyof typeof CHECKSUM_AT;

export interface Ends {
  src: string;
  dst: string;
  sourceIp: string;
  targetIp: string;
}

export function ipBytes(text: string): number[] {
  return text.split('.').map(Number);
}

function words16(...values: number[]): number[] {
  return values.flatMap((value) => [(value >>> 8) & 0xff, value & 0xff]);
}

/** The one's complement sum of 16-bit words (RFC 1071): 0xffff over anything that holds its right checksum. */
export function onesSum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

function pseudoHeader({ sourceIp, targetIp }: Ends, protocol: number, length: number): number[] {
  return [...ipBytes(sourceIp), ...ipBytes(targetIp), 0, protocol, ...words16(length)];
}

/**
 * An IPv4 packet around a transport segment whose checksum field is 0.
 * @param partial leaves the checksum to whom it passes: only the pseudo header's sum is filled in
 */
export function ipv4(ends: Ends, protocol: Protocol, segment: Uint8Array, partial = false): Uint8Array {
  const header = [0x45, 0, ...words16(IPV4_BYTES + segment.length), 0, 1, 0x40, 0, 64, protocol, 0, 0];
  header.push(...ipBytes(ends.sourceIp), ...ipBytes(ends.targetIp));
  header.splice(10, 2, ...words16(~onesSum(header) & 0xffff));
  const pseudo = protocol === PROTOCOL_ICMP ? [] : pseudoHeader(ends, protocol, segment.length);
  const checksum = partial ? onesSum(pseudo) : ~onesSum([...pseudo, ...segment]) & 0xffff;
  const finished = Uint8Array.from(segment);
  finished.set(words16(checksum), CHECKSUM_AT[protocol]);
  return frame({ ...ends, etherType: ETHERTYPE_IPV4, payload: Uint8Array.from([...header, ...finished]) });
}

export function udp4(ends: Ends, ports: [number, number], payload: Uint8Array, partial = false): Uint8Array {
  const header = words16(...ports, 8 + payload.length, 0);
  return ipv4(ends, PROTOCOL_UDP, Uint8Array.from([...header, ...payload]), partial);
}

/** A TCP segment of an established connection, with its checksum left to whom it passes. */
export function tcp4(ends: Ends, ports: [number, number], sequence: number, payload: Uint8Array): Uint8Array {
  const header = words16(...ports, sequence >>> 16, sequence, 0, 1, 0x5010, 1024, 0, 0);
  return ipv4(ends, PROTOCOL_TCP, Uint8Array.from([...header, ...payload]), true);
}

/** @param operation 1: request, 2: reply */
export function arp({ src, dst, sourceIp, targetIp }: Ends, operation: number): Uint8Array {
  const target = operation === 1 ? [0, 0, 0, 0, 0, 0] : macBytes(dst);
  const fixed = words16(1, ETHERTYPE_IPV4, 0x0604, operation);
  const addresses = [...macBytes(src), ...ipBytes(sourceIp), ...target, ...ipBytes(targetIp)];
  return frame({ src, dst, etherType: ETHERTYPE_ARP, payload: Uint8Array.from([...fixed, ...addresses]) });
}

/** What an untagged IPv4 frame carries; null if it is none. */
export function parseIpv4(bytes: Uint8Array): (Ends & { protocol: number; segment: Uint8Array }) | null {
  if (((bytes[12]! << 8) | bytes[13]!) !== ETHERTYPE_IPV4) return null;
  const at = ETHERNET_BYTES;
  const end = at + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  const headerBytes = (bytes[at]! & 0xf) * 4;
  return {
    dst: macText(bytes.subarray(0, 6)),
    src: macText(bytes.subarray(6, 12)),
    sourceIp: bytes.subarray(at + 12, at + 16).join('.'),
    targetIp: bytes.subarray(at + 16, at + 20).join('.'),
    protocol: bytes[at + 9]!,
    segment: bytes.subarray(at + headerBytes, end),
  };
}

/** Whether the IPv4 header's and the transport's checksums are right. Fragments have none of the latter. */
export function hasRightChecksums(bytes: Uint8Array): boolean {
  const packet = parseIpv4(bytes);
  if (!packet) return false;
  const { protocol, segment } = packet;
  const header = bytes.subarray(ETHERNET_BYTES, segment.byteOffset - bytes.byteOffset);
  const pseudo = protocol === PROTOCOL_ICMP ? [] : pseudoHeader(packet, protocol, segment.length);
  return onesSum(header) === 0xffff && onesSum([...pseudo, ...segment]) === 0xffff;
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * The virtio-net header of a super-frame made by `tcp4` or `udp4`, or, with gsoType 0, of a frame whose checksum is left.
 * @param gsoSize payload bytes of each segment
 */
export function offloadHeader(protocol: Protocol, gsoType: number, gsoSize: number): Uint8Array {
  const header = new Uint8Array(VNET_HEADER_BYTES);
  const transportBytes = protocol === PROTOCOL_TCP ? 20 : 8;
  header[FLAGS] = NEEDS_CSUM;
  header[GSO_TYPE] = gsoType;
  if (gsoType !== GSO_NONE) {
    write16(header, HDR_LEN, ETHERNET_BYTES + IPV4_BYTES + transportBytes);
    write16(header, GSO_SIZE, gsoSize);
  }
  write16(header, CSUM_START, ETHERNET_BYTES + IPV4_BYTES);
  write16(header, CSUM_OFFSET, CHECKSUM_AT[protocol]);
  return header;
}
