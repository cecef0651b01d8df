/**
 * Finding the transport header of an IPv4 or IPv6 frame (RFC 791, RFC 8200), through inner VLAN tags and the extension
 * headers that Linux segments behind. Forwarding never looks here; only finishing a checksum or a super-frame does. The
 * results are fields of a reused object, because a frame must not cost one.
 */
import { ETHERTYPE, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethernet.ts';
import { isTagTpid, TAG_BYTES } from './vlan.ts';

export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_SCTP = 132;

export const IPV4_HEADER_BYTES_MIN = 20;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_ID = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
/** More-fragments bit and fragment offset: all zero where the datagram is whole. */
const IPV4_FRAGMENT_MASK = 0x3fff;

export const IPV6_HEADER_BYTES = 40;
export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const IPV6_SOURCE = 8;
const EXTENSION_UNIT_BYTES = 8;
const EXTENSION_HOP_BY_HOP = 0;
const EXTENSION_ROUTING = 43;
const EXTENSION_DESTINATION = 60;

/** Most bytes looked through for the transport header, so that a crafted chain of headers costs little. */
const WALK_BYTES_MAX = 512;

/** Reads a big-endian (network order) 16-bit number. */
export function readNetwork16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Writes a number's low 16 bits big-endian (network order). */
export function writeNetwork16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Offsets count from the frame's first byte, and mean something only after `locate` gave true. */
export class IpHeaders {
  version: 4 | 6 = 4;
  /** Where the IP header begins. */
  network = 0;
  /** Where the header behind the IP header and its extension headers begins, at most `end`. */
  transport = 0;
  /** The protocol number of the transport header. */
  protocol = 0;
  /** Where the datagram ends by its own length field, at most the frame's length. */
  end = 0;
  /** A routing header is present: the final destination, which checksums cover, may not be the one in the IP header. */
  routed = false;

  /** False where the frame is not one whole IP datagram, with every header up to the transport header inside it. */
  locate(bytes: Uint8Array, frame: number, length: number): boolean {
    const limit = Math.min(length, WALK_BYTES_MAX);
    let at = ETHERTYPE;
    while (at + 2 <= limit && isTagTpid(readNetwork16(bytes, frame + at))) at += TAG_BYTES;
    if (at + 2 > limit) return false;
    const type = readNetwork16(bytes, frame + at);
    this.network = at + 2;
    if (type === ETHERTYPE_IPV4) return this.#locateBehindIpv4(bytes, frame, length);
    if (type === ETHERTYPE_IPV6) return this.#locateBehindIpv6(bytes, frame, length);
    return false;
  }

  #locateBehindIpv4(bytes: Uint8Array, frame: number, length: number): boolean {
    if (this.network + IPV4_HEADER_BYTES_MIN > length) return false;
    const ip = frame + this.network;
    const headerBytes = (bytes[ip]! & 0x0f) * 4;
    if (bytes[ip]! >>> 4 !== 4 || headerBytes < IPV4_HEADER_BYTES_MIN) return false;
    if ((readNetwork16(bytes, ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK) !== 0) return false;
    this.version = 4;
    this.transport = this.network + headerBytes;
    this.protocol = bytes[ip + IPV4_PROTOCOL]!;
    this.end = this.network + readNetwork16(bytes, ip + IPV4_TOTAL_LENGTH);
    this.routed = false;
    return this.transport <= this.end && this.end <= length;
  }

  #locateBehindIpv6(bytes: Uint8Array, frame: number, length: number): boolean {
    if (this.network + IPV6_HEADER_BYTES > length) return false;
    const ip = frame + this.network;
    if (bytes[ip]! >>> 4 !== 6) return false;
    this.version = 6;
    this.end = this.network + IPV6_HEADER_BYTES + readNetwork16(bytes, ip + IPV6_PAYLOAD_LENGTH);
    this.routed = false;
    if (this.end > length) return false;
    const limit = Math.min(this.end, WALK_BYTES_MAX);
    let next = bytes[ip + IPV6_NEXT_HEADER]!;
    let at = this.network + IPV6_HEADER_BYTES;
    while (next === EXTENSION_HOP_BY_HOP || next === EXTENSION_ROUTING || next === EXTENSION_DESTINATION) {
      if (at + EXTENSION_UNIT_BYTES > limit) return false;
      if (next === EXTENSION_ROUTING) this.routed = true;
      next = bytes[frame + at]!;
      at += (bytes[frame + at + 1]! + 1) * EXTENSION_UNIT_BYTES;
    }
    this.transport = at;
    this.protocol = next;
    return at <= this.end;
  }
}
