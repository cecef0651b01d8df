/**
 * The header fields that a capture filter asks for, of any frame, however short or broken: what is not there is NONE. Unlike
 * `IpHeaders`, which insists on a whole datagram, this reads what there is. One object is used again for every frame.
 */
import { DESTINATION, ETHERTYPE, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, SOURCE } from './ethernet.ts';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP, readNetwork16 } from './ip.ts';
import { isTagTpid, TAG_BYTES } from './vlan.ts';

/** No such field in this frame. */
export const NONE = -1;
export const ADDRESS_WORDS = 4;

const ETHERTYPE_BYTES = 2;
const IPV4_BYTES_MIN = 20;
const IPV4_FRAGMENT_OFFSET_MASK = 0x1fff;
const IPV6_BYTES = 40;
const PORTS_BYTES = 4;
/** ARP for IPv4 over Ethernet (RFC 826): where the addresses of sender and target stand, and where it ends. */
const ARP_SENDER = 14;
const ARP_TARGET = 24;
const ARP_BYTES = 28;

/** IPv6 extension headers that are stepped over (RFC 8200, section 4). */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const EXTENSION_BYTES = 8;
/** So that a crafted chain costs little. */
const EXTENSIONS_MAX = 8;

export class FrameHeaders {
  destinationHigh = NONE;
  destinationLow = 0;
  sourceHigh = NONE;
  sourceLow = 0;
  /** VLAN that the switch put the frame into, else the VID of its outer tag, else 0. */
  vlan = 0;
  /** Behind all tags. */
  etherType = NONE;
  /** Family of the addresses, those in ARP included: 4, 6 or NONE. */
  family = NONE;
  /** IPv4 in the first word, IPv6 in all four. */
  readonly sourceAddress = new Int32Array(ADDRESS_WORDS);
  readonly destinationAddress = new Int32Array(ADDRESS_WORDS);
  /** Protocol number behind the IP header and its extension headers. */
  protocol = NONE;
  /** Of TCP, UDP and SCTP; NONE in all fragments but the first. */
  sourcePort = NONE;
  destinationPort = NONE;

  /** @param vlan see the field */
  read(bytes: Uint8Array, frame: number, length: number, vlan: number): void {
    this.destinationHigh = NONE;
    this.sourceHigh = NONE;
    this.vlan = vlan;
    this.etherType = NONE;
    this.family = NONE;
    this.protocol = NONE;
    this.sourcePort = NONE;
    this.destinationPort = NONE;
    if (length < ETHERTYPE + ETHERTYPE_BYTES) return;
    this.destinationHigh = readNetwork16(bytes, frame + DESTINATION);
    this.destinationLow = readNetwork32(bytes, frame + DESTINATION + 2);
    this.sourceHigh = readNetwork16(bytes, frame + SOURCE);
    this.sourceLow = readNetwork32(bytes, frame + SOURCE + 2);
    const end = frame + length;
    let at = frame + ETHERTYPE;
    while (at + ETHERTYPE_BYTES + TAG_BYTES <= end && isTagTpid(readNetwork16(bytes, at))) at += TAG_BYTES;
    this.etherType = readNetwork16(bytes, at);
    at += ETHERTYPE_BYTES;
    if (this.etherType === ETHERTYPE_IPV4) this.#readIpv4(bytes, at, end);
    else if (this.etherType === ETHERTYPE_IPV6) this.#readIpv6(bytes, at, end);
    else if (this.etherType === ETHERTYPE_ARP) this.#readArp(bytes, at, end);
  }

  #readIpv4(bytes: Uint8Array, at: number, end: number): void {
    if (at + IPV4_BYTES_MIN > end || bytes[at]! >>> 4 !== 4) return;
    this.family = 4;
    this.sourceAddress[0] = readNetwork32(bytes, at + 12);
    this.destinationAddress[0] = readNetwork32(bytes, at + 16);
    this.protocol = bytes[at + 9]!;
    if ((readNetwork16(bytes, at + 6) & IPV4_FRAGMENT_OFFSET_MASK) !== 0) return;
    this.#readPorts(bytes, at + (bytes[at]! & 0x0f) * 4, end);
  }

  #readIpv6(bytes: Uint8Array, at: number, end: number): void {
    if (at + IPV6_BYTES > end || bytes[at]! >>> 4 !== 6) return;
    this.family = 6;
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      this.sourceAddress[word] = readNetwork32(bytes, at + 8 + word * 4);
      this.destinationAddress[word] = readNetwork32(bytes, at + 24 + word * 4);
    }
    let next = bytes[at + 6]!;
    let header = at + IPV6_BYTES;
    for (let k = 0; k < EXTENSIONS_MAX && isExtension(next); k++) {
      this.protocol = next;
      if (header + EXTENSION_BYTES > end) return;
      const isLaterFragment = next === FRAGMENT && readNetwork16(bytes, header + 2) >>> 3 !== 0;
      const bytesOfIt = next === FRAGMENT ? EXTENSION_BYTES : (bytes[header + 1]! + 1) * EXTENSION_BYTES;
      next = bytes[header]!;
      header += bytesOfIt;
      this.protocol = next;
      if (isLaterFragment) return;
    }
    this.protocol = next;
    this.#readPorts(bytes, header, end);
  }

  #readArp(bytes: Uint8Array, at: number, end: number): void {
    if (at + ARP_BYTES > end || readNetwork16(bytes, at + 2) !== ETHERTYPE_IPV4) return;
    this.family = 4;
    this.sourceAddress[0] = readNetwork32(bytes, at + ARP_SENDER);
    this.destinationAddress[0] = readNetwork32(bytes, at + ARP_TARGET);
  }

  #readPorts(bytes: Uint8Array, at: number, end: number): void {
    const { protocol } = this;
    if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP && protocol !== PROTOCOL_SCTP) return;
    if (at + PORTS_BYTES > end) return;
    this.sourcePort = readNetwork16(bytes, at);
    this.destinationPort = readNetwork16(bytes, at + 2);
  }
}

function isExtension(next: number): boolean {
  return next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === DESTINATION_OPTIONS;
}

/** As a signed integer of 32 bits. */
function readNetwork32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
