/**
 * One frame of a batch as a logic sees it that decides frame by frame. One object per worker, moved from frame to frame; what
 * is asked of it is read from the bytes at that moment, and headers are looked for once, when first asked for.
 *
 * Addresses are integers of 32 bits, as `ipv4()` gives them, and a MAC address is two: its first 2 bytes and its other 4, as
 * `macHigh()` and `macLow()` give them. So none of it allocates.
 */
import type { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import { etherType } from '../frame/ethernet.ts';
import * as ip from '../frame/ip.ts';
import { IpHeaders } from '../frame/ip.ts';
import * as rewrite from '../frame/rewrite.ts';
import { hasPorts, setIpv4Address, setPort } from '../frame/rewrite.ts';
import * as vlanTag from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import type { LogicSender } from './logic.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { DESTINATION, GROUP_BIT, MAC_BYTES, SOURCE } = ethernet;
const { IPV4_SOURCE, IPV6_SOURCE } = ip;
const IPV6_DESTINATION = IPV6_SOURCE + 16;
const { IPV4_DESTINATION, L4_DESTINATION_PORT, L4_SOURCE_PORT } = rewrite;
const { PCP_SHIFT } = vlanTag;
const { FLAGS, GSO_NONE, GSO_SIZE, GSO_TYPE, NEEDS_CSUM, VNET_HEADER_BYTES } = vnetHeader;
const { VID_MAX, VID_MIN } = limits;

const NOT_LOOKED = 0;
const FOUND = 1;
const NOT_THERE = 2;

export class Frame {
  readonly batch: Batch;
  /** Which frame of the batch it is. */
  index = 0;
  readonly #sender: LogicSender;
  readonly #ip = new IpHeaders();
  #headers = NOT_LOOKED;

  constructor(batch: Batch, sender: LogicSender) {
    this.batch = batch;
    this.#sender = sender;
  }

  /** For who runs the logic: the next frame. */
  moveTo(index: number): void {
    this.index = index;
    this.#headers = NOT_LOOKED;
  }

  /** Handle of the port that the frame entered by. */
  get ingress(): number {
    return this.batch.ingress;
  }

  /** The memory that the frame lies in, from `offset` on. Its outer tag is not part of it. */
  get bytes(): Uint8Array {
    return this.batch.bytes;
  }

  get offset(): number {
    return this.batch.offset[this.index]!;
  }

  /** Bytes, without the outer tag and the check sequence. A super-frame has up to 64 KiB. */
  get length(): number {
    return this.batch.length[this.index]!;
  }

  /** Whether it is an unsegmented TCP or UDP frame, which leaves as several where its egress does not take it whole. */
  get isSuperFrame(): boolean {
    return this.bytes[this.offset - VNET_HEADER_BYTES + GSO_TYPE] !== GSO_NONE;
  }

  /** Of a super-frame: bytes of payload of each frame that it becomes; else 0. */
  get segmentSize(): number {
    return this.isSuperFrame ? vnetHeader.read16(this.bytes, this.offset - VNET_HEADER_BYTES + GSO_SIZE) : 0;
  }

  /** Whether the sender left the transport checksum to the device: what stands there covers the pseudo header only. */
  get needsChecksum(): boolean {
    return (this.bytes[this.offset - VNET_HEADER_BYTES + FLAGS]! & NEEDS_CSUM) !== 0;
  }

  /** The byte at this place of the frame; 0 behind its end. */
  byte(at: number): number {
    return at < this.length ? this.bytes[this.offset + at]! : 0;
  }

  /** The VLAN that it was classified into. */
  get vlan(): number {
    return this.batch.vlan[this.index]!;
  }

  /** The priority (PCP) of the tag that it arrived with; 0 without one. */
  get priority(): number {
    return this.batch.tci[this.index]! >>> PCP_SHIFT;
  }

  /** What stands behind the addresses: an EtherType, or the TPID of an inner tag. */
  get etherType(): number {
    return etherType(this.bytes, this.offset);
  }

  /** Whether it goes to a group: multicast or broadcast. */
  get isGroup(): boolean {
    return (this.bytes[this.offset + DESTINATION]! & GROUP_BIT) !== 0;
  }

  get destinationHigh(): number {
    return word16(this.bytes, this.offset + DESTINATION);
  }

  get destinationLow(): number {
    return word32(this.bytes, this.offset + DESTINATION + 2);
  }

  get sourceHigh(): number {
    return word16(this.bytes, this.offset + SOURCE);
  }

  get sourceLow(): number {
    return word32(this.bytes, this.offset + SOURCE + 2);
  }

  /** 4 or 6 for a whole IP datagram whose headers are in place, inner tags or none; 0 for all else, fragments too. */
  get ipVersion(): number {
    return this.#locate() ? this.#ip.version : 0;
  }

  /** The protocol number of the transport header; -1 where `ipVersion` is 0. */
  get protocol(): number {
    return this.#locate() ? this.#ip.protocol : -1;
  }

  /** 0 where it is not IPv4. */
  get ipv4Source(): number {
    return this.#isIpv4() ? word32(this.bytes, this.offset + this.#ip.network + IPV4_SOURCE) : 0;
  }

  get ipv4Destination(): number {
    return this.#isIpv4() ? word32(this.bytes, this.offset + this.#ip.network + IPV4_DESTINATION) : 0;
  }

  /** One of the four words of the address, 0 to 3; 0 where it is not IPv6. */
  ipv6Source(word: number): number {
    return this.#ipv6Word(IPV6_SOURCE, word);
  }

  ipv6Destination(word: number): number {
    return this.#ipv6Word(IPV6_DESTINATION, word);
  }

  /** TCP or UDP port; -1 where there is none. */
  get sourcePort(): number {
    return this.#hasPorts() ? word16(this.bytes, this.offset + this.#ip.transport + L4_SOURCE_PORT) : -1;
  }

  get destinationPort(): number {
    return this.#hasPorts() ? word16(this.bytes, this.offset + this.#ip.transport + L4_DESTINATION_PORT) : -1;
  }

  /** Where the IP header, the header behind it, and what ends the datagram are in the frame; -1 where `ipVersion` is 0. */
  get networkAt(): number {
    return this.#locate() ? this.#ip.network : -1;
  }

  get transportAt(): number {
    return this.#locate() ? this.#ip.transport : -1;
  }

  get datagramEnd(): number {
    return this.#locate() ? this.#ip.end : -1;
  }

  /** @throws RangeError where it is no VID from 1 to 4094 */
  setVlan(vid: number): void {
    if (!(vid >= VID_MIN && vid <= VID_MAX)) throw new RangeError(`${vid} is no VLAN from ${VID_MIN} to ${VID_MAX}`);
    this.batch.vlan[this.index] = vid;
  }

  setSource(high: number, low: number): void {
    writeMac(this.bytes, this.offset + SOURCE, high, low);
  }

  setDestination(high: number, low: number): void {
    writeMac(this.bytes, this.offset + DESTINATION, high, low);
  }

  /** Changes the address, and the checksums that cover it. @returns false where the frame is not IPv4 */
  setIpv4Source(address: number): boolean {
    return this.#setIpv4(IPV4_SOURCE, address);
  }

  setIpv4Destination(address: number): boolean {
    return this.#setIpv4(IPV4_DESTINATION, address);
  }

  /** Changes the TCP or UDP port, and the checksum. @returns false where there is none */
  setSourcePort(port: number): boolean {
    return this.#locate() && setPort(this.bytes, this.offset, this.#ip, L4_SOURCE_PORT, port);
  }

  setDestinationPort(port: number): boolean {
    return this.#locate() && setPort(this.bytes, this.offset, this.#ip, L4_DESTINATION_PORT, port);
  }

  /** See LogicSender.copy. */
  copyTo(handle: number): boolean {
    return this.#sender.copy(this.batch, this.index, handle);
  }

  /** See LogicSender.mirror. */
  mirrorTo(handle: number): boolean {
    return this.#sender.mirror(this.batch, this.index, handle);
  }

  #locate(): boolean {
    if (this.#headers === NOT_LOOKED) {
      this.#headers = this.#ip.locate(this.bytes, this.offset, this.length) ? FOUND : NOT_THERE;
    }
    return this.#headers === FOUND;
  }

  #isIpv4(): boolean {
    return this.#locate() && this.#ip.version === 4;
  }

  #ipv6Word(at: number, word: number): number {
    const isThere = this.#locate() && this.#ip.version === 6 && word >= 0 && word < 4;
    return isThere ? word32(this.bytes, this.offset + this.#ip.network + at + 4 * word) : 0;
  }

  #hasPorts(): boolean {
    return this.#locate() && hasPorts(this.#ip);
  }

  #setIpv4(at: number, address: number): boolean {
    if (!this.#isIpv4()) return false;
    setIpv4Address(this.bytes, this.offset, this.#ip, at, address);
    return true;
  }
}

function word16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function word32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function writeMac(bytes: Uint8Array, at: number, high: number, low: number): void {
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  for (let k = 2; k < MAC_BYTES; k++) bytes[at + k] = low >>> (8 * (MAC_BYTES - 1 - k));
}
