/** Makes frames that no honest host sends, from a seed: wrong in tags, addresses, lengths, headers and offload headers. */
import { Random } from '../model/random.ts';
import {
  CSUM_OFFSET,
  CSUM_START,
  FLAGS,
  GSO_NONE,
  GSO_SIZE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_TYPE,
  GSO_UDP,
  GSO_UDP_L4,
  HDR_LEN,
  NEEDS_CSUM,
  VNET_HEADER_BYTES,
} from '../../src/frame/vnet-header.ts';
import { macBytes } from './frames.ts';

const FRAME = VNET_HEADER_BYTES;
const SUPER_FRAME_BYTES_MAX = 65_000;
const JUMBO_BYTES_MAX = 9014;
const ADDRESSES_BYTES = 12;
const DESTINATIONS = [
  'ff:ff:ff:ff:ff:ff',
  '01:00:5e:00:00:01',
  '33:33:00:00:00:01',
  '01:80:c2:00:00:00',
  '01:80:c2:00:00:21',
  '00:00:00:00:00:00',
  '03:70:72:6f:62:65',
  '02:00:00:00:00:63',
].map(macBytes);
const TPIDS = [0x8100, 0x88a8, 0x9100];
const VIDS = [0, 1, 10, 20, 21, 4094, 4095];
const ETHER_TYPES = [0x0800, 0x86dd, 0x0806, 0x88b5, 0x0000, 0x05dc, 0x8100, 0x88a8, 0xffff];
const PROTOCOLS = [6, 17, 1, 0, 43, 44, 60, 255];
const GSO_TYPES = [GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_UDP_L4, 2, 0x81, 0xff];
const LENGTHS = [0, 1, 8, 20, 40, 54, 60, 1400, 0xffff];

export class MalformedFrames {
  readonly #random: Random;
  /** Virtio-net header and frame, one after the other. */
  readonly bytes = Buffer.alloc(VNET_HEADER_BYTES + SUPER_FRAME_BYTES_MAX);

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /**
   * Writes the next one into `bytes`. Where its source address is one that a host may have, it tells who sent it.
   * @param sender 0 to 255, in the fifth byte of the source address
   * @returns bytes, with the virtio-net header
   */
  next(sender: number): number {
    const random = this.#random;
    const { bytes } = this;
    const length = this.#length();
    for (let at = FRAME; at < FRAME + Math.min(length, 200); at++) bytes[at] = random.int(256);
    bytes.set(random.pick(DESTINATIONS), FRAME);
    this.#writeSource(sender);
    let at = FRAME + ADDRESSES_BYTES;
    const tags = random.chance(0.5) ? random.int(5) : 0;
    for (let k = 0; k < tags; k++, at += 4) {
      bytes.writeUInt16BE(random.pick(TPIDS), at);
      bytes.writeUInt16BE((random.int(16) << 12) | random.pick(VIDS), at + 2);
    }
    bytes.writeUInt16BE(random.pick(ETHER_TYPES), at);
    if (random.chance(0.7)) this.#writePacket(at);
    const headers = at + 2 - FRAME;
    this.#writeOffload(headers);
    // Cut off anywhere, also within the tags.
    return FRAME + (random.chance(0.2) ? Math.min(length, 14 + random.int(headers + 40)) : length);
  }

  #length(): number {
    const random = this.#random;
    if (random.chance(0.02)) return 9015 + random.int(SUPER_FRAME_BYTES_MAX - 9015);
    if (random.chance(0.1)) return 1500 + random.int(JUMBO_BYTES_MAX - 1499);
    return random.chance(0.4) ? 14 + random.int(60) : 14 + random.int(1505);
  }

  #writeSource(sender: number): void {
    const random = this.#random;
    const at = FRAME + 6;
    if (random.chance(0.05)) {
      this.bytes.fill(random.chance(0.5) ? 0 : 0xff, at, at + 6);
    } else {
      this.bytes.set([0x02, 0, 0, 0, sender, random.int(256)], at);
      if (random.chance(0.05)) this.bytes[at]! |= 1;
    }
  }

  /** What begins like IPv4 or IPv6 with a transport header, with fields that lie now and then. */
  #writePacket(etherType: number): void {
    const random = this.#random;
    const { bytes } = this;
    const isV6 = random.chance(0.4);
    const at = etherType + 2;
    bytes.writeUInt16BE(isV6 ? 0x86dd : 0x0800, etherType);
    bytes[at] = isV6 ? 0x60 : random.chance(0.7) ? 0x45 : random.int(256);
    const lengthAt = isV6 ? at + 4 : at + 2;
    bytes.writeUInt16BE(random.chance(0.5) ? random.pick(LENGTHS) : random.int(0x10000), lengthAt);
    bytes[isV6 ? at + 6 : at + 9] = random.pick(PROTOCOLS);
    if (!isV6) bytes.writeUInt16BE(random.chance(0.7) ? 0x4000 : random.int(0x10000), at + 6);
    const transport = at + (isV6 ? 40 : 20);
    // The TCP header's length, in words, in the upper half.
    bytes[transport + 12] = random.chance(0.6) ? 0x50 : random.int(256);
  }

  /** @param network offset of the network header in the frame */
  #writeOffload(network: number): void {
    const random = this.#random;
    const { bytes } = this;
    bytes.fill(0, 0, FRAME);
    if (random.chance(0.5)) return;
    const isV6 = bytes.readUInt16BE(FRAME + network - 2) === 0x86dd;
    const transport = network + (isV6 ? 40 : 20);
    bytes[FLAGS] = random.chance(0.8) ? NEEDS_CSUM : random.int(8);
    bytes[GSO_TYPE] = random.chance(0.5) ? GSO_NONE : random.chance(0.6) ? gsoOf(isV6) : random.pick(GSO_TYPES);
    bytes.writeUInt16LE(random.chance(0.6) ? transport + 20 : random.int(0x10000), HDR_LEN);
    bytes.writeUInt16LE(random.chance(0.6) ? random.pick([1, 32, 536, 1400]) : random.int(0x10000), GSO_SIZE);
    bytes.writeUInt16LE(random.chance(0.7) ? transport : random.int(1600), CSUM_START);
    bytes.writeUInt16LE(random.chance(0.8) ? random.pick([6, 16]) : random.int(1600), CSUM_OFFSET);
    // Mostly what the kernel lets through: it compares the protocol with the kind of super-frame.
    const protocolAt = FRAME + network + (isV6 ? 6 : 9);
    if (bytes[GSO_TYPE] !== GSO_NONE && random.chance(0.8)) bytes[protocolAt] = 6;
  }
}

function gsoOf(isV6: boolean): number {
  return isV6 ? GSO_TCPV6 : GSO_TCPV4;
}
