/**
 * Changing addresses and ports of an IPv4 frame so that its checksums stay right, by what changed and not by summing anew
 * (RFC 1624, equation 3). A TCP or UDP checksum that the sender left to the device covers only the pseudo header yet: there
 * an address is taken out of the sum and the new one put in, and a port is no part of it.
 */
import {
  type IpHeaders,
  IPV4_CHECKSUM,
  IPV4_SOURCE,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readNetwork16,
  writeNetwork16,
} from './ip.ts';
import { fold, UDP_CHECKSUM } from './offload/checksum.ts';
import { CSUM_START, FLAGS, NEEDS_CSUM, read16, VNET_HEADER_BYTES } from './vnet-header.ts';

const IPV4_ADDRESS_BYTES = 4;
export const IPV4_DESTINATION = IPV4_SOURCE + IPV4_ADDRESS_BYTES;
export const L4_SOURCE_PORT = 0;
export const L4_DESTINATION_PORT = 2;
const L4_PORT_BYTES = 2;
const TCP_CHECKSUM = 16;
/** No transport checksum covers what is changed. */
const NOWHERE = -1;

/** @param address as four bytes of an integer, the first one highest */
export function setIpv4Address(bytes: Uint8Array, frame: number, ip: IpHeaders, at: number, address: number): void {
  const field = frame + ip.network + at;
  const transport = checksumAt(bytes, frame, ip);
  const isPartial = isUnfinished(bytes, frame, ip);
  for (let half = 0; half < 2; half++) {
    const word = (address >>> (16 - 16 * half)) & 0xffff;
    const before = readNetwork16(bytes, field + 2 * half);
    writeNetwork16(bytes, field + 2 * half, word);
    adjust(bytes, frame + ip.network + IPV4_CHECKSUM, before, word);
    if (transport === NOWHERE) continue;
    if (isPartial) adjustPartial(bytes, transport, before, word);
    else adjustTransport(bytes, transport, ip.protocol, before, word);
  }
}

/** @param at L4_SOURCE_PORT or L4_DESTINATION_PORT. @returns false where the frame has no whole TCP or UDP ports */
export function setPort(bytes: Uint8Array, frame: number, ip: IpHeaders, at: number, port: number): boolean {
  if (!hasPorts(ip)) return false;
  const field = frame + ip.transport + at;
  const before = readNetwork16(bytes, field);
  writeNetwork16(bytes, field, port);
  const transport = checksumAt(bytes, frame, ip);
  if (transport !== NOWHERE && !isUnfinished(bytes, frame, ip)) {
    adjustTransport(bytes, transport, ip.protocol, before, port & 0xffff);
  }
  return true;
}

/** Whether the frame has TCP or UDP ports, whole. */
export function hasPorts(ip: IpHeaders): boolean {
  return (ip.protocol === PROTOCOL_TCP || ip.protocol === PROTOCOL_UDP) && ip.transport + 2 * L4_PORT_BYTES <= ip.end;
}

function isUnfinished(bytes: Uint8Array, frame: number, ip: IpHeaders): boolean {
  const header = frame - VNET_HEADER_BYTES;
  return (bytes[header + FLAGS]! & NEEDS_CSUM) !== 0 && read16(bytes, header + CSUM_START) === ip.transport;
}

function checksumAt(bytes: Uint8Array, frame: number, ip: IpHeaders): number {
  const at = ip.protocol === PROTOCOL_TCP ? TCP_CHECKSUM : ip.protocol === PROTOCOL_UDP ? UDP_CHECKSUM : NOWHERE;
  if (at === NOWHERE || ip.transport + at + 2 > ip.end) return NOWHERE;
  const field = frame + ip.transport + at;
  // A UDP checksum of zero means that there is none (RFC 768), unless it is yet to be finished.
  const isNone = ip.protocol === PROTOCOL_UDP && readNetwork16(bytes, field) === 0 && !isUnfinished(bytes, frame, ip);
  return isNone ? NOWHERE : field;
}

function adjust(bytes: Uint8Array, at: number, before: number, after: number): void {
  const sum = fold((~readNetwork16(bytes, at) & 0xffff) + (~before & 0xffff) + after);
  writeNetwork16(bytes, at, ~sum & 0xffff);
}

function adjustTransport(bytes: Uint8Array, at: number, protocol: number, before: number, after: number): void {
  adjust(bytes, at, before, after);
  if (protocol === PROTOCOL_UDP && readNetwork16(bytes, at) === 0) writeNetwork16(bytes, at, 0xffff);
}

function adjustPartial(bytes: Uint8Array, at: number, before: number, after: number): void {
  writeNetwork16(bytes, at, fold(readNetwork16(bytes, at) + (~before & 0xffff) + after));
}
