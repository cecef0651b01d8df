/**
 * Cutting a super-frame into the wire frames it stands for, as Linux's software segmentation would (net/ipv4/tcp_offload.c,
 * udp_offload.c and af_inet.c, net/ipv6/ip6_offload.c): TCP and UDP over IPv4 and IPv6. Only headers are written; payload
 * is summed where it lies, so that a segment is sent as [headers][payload in place].
 *
 * What the sender's kernel says of the frame is held against the frame's own headers, since a packet socket lets any
 * sender say anything. hdr_len is the one field not looked at: Linux fills in how much of the frame happened to be linear.
 */
import {
  IPV4_CHECKSUM,
  IPV4_ID,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  IPV6_HEADER_BYTES,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
  IpHeaders,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  readNetwork16,
  writeNetwork16,
} from '../ip.ts';
import {
  CSUM_OFFSET,
  CSUM_START,
  FLAGS,
  GSO_ECN,
  GSO_SIZE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_TYPE,
  GSO_UDP_L4,
  NEEDS_CSUM,
  read16,
} from '../vnet-header.ts';
import { closeSum, sumBytes, UDP_CHECKSUM } from './checksum.ts';

const TCP_HEADER_BYTES_MIN = 20;
const TCP_SEQUENCE = 4;
const TCP_DATA_OFFSET = 12;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const TCP_FIN_PSH = 0x01 | 0x08;
const TCP_CWR = 0x80;

const UDP_HEADER_BYTES = 8;
const UDP_LENGTH = 4;

/** One super-frame at a time. Offsets are those of the memory given to `begin`, which the segments' headers go into too. */
export class Segmenter {
  /** Bytes of each segment's headers, from the destination address to the end of the TCP or UDP header. */
  headerBytes = 0;

  readonly #ip = new IpHeaders();
  #bytes: Uint8Array = new Uint8Array(0);
  #frame = 0;
  #length = 0;
  #gsoSize = 0;
  #count = 0;
  #cwrOnce = false;
  /** Where in the transport header the checksum lies. */
  #checksum = 0;
  /** Sum of the pseudo header without its length: the part of the checksum that all segments share. */
  #pseudoSum = 0;

  /**
   * Takes a super-frame, which must stay as it is while segments of it are wanted.
   * @param header offset of the virtio-net header
   * @param frame offset of the frame's first byte
   * @returns the number of segments, at least 1 (a gso_size of one byte gives as many as there are bytes of payload);
   *   0 where it is malformed, and then nothing else here may be used
   */
  begin(bytes: Uint8Array, header: number, frame: number, length: number): number {
    this.#count = 0;
    const ip = this.#ip;
    const gsoType = bytes[header + GSO_TYPE]!;
    const gsoSize = read16(bytes, header + GSO_SIZE);
    if (gsoSize === 0 || !ip.locate(bytes, frame, length) || ip.end !== length || !matches(gsoType, ip)) return 0;
    const transportBytes = transportHeaderBytes(bytes, frame, ip);
    if (transportBytes === 0) return 0;
    this.#bytes = bytes;
    this.#frame = frame;
    this.#length = length;
    this.#gsoSize = gsoSize;
    this.#cwrOnce = (gsoType & GSO_ECN) !== 0;
    this.#checksum = ip.protocol === PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
    this.headerBytes = ip.transport + transportBytes;
    if (!this.#takePseudoSum(header)) return 0;
    this.#count = Math.max(1, Math.ceil((length - this.headerBytes) / gsoSize));
    return this.#count;
  }

  /** Offset of segment `k`'s payload. */
  payloadAt(k: number): number {
    return this.#frame + this.headerBytes + k * this.#gsoSize;
  }

  /** Bytes of segment `k`'s payload: gso_size, but for the last. */
  payloadBytes(k: number): number {
    return Math.min(this.#gsoSize, this.#length - this.headerBytes - k * this.#gsoSize);
  }

  /**
   * Writes the headers of segment `k` (0 to the count less 1), checksums finished, to `at` and the headerBytes behind it,
   * outside the super-frame. The segment's virtio-net header, which is the caller's to write, asks for nothing.
   */
  writeHeaders(k: number, at: number): void {
    const bytes = this.#bytes;
    const ip = this.#ip;
    bytes.copyWithin(at, this.#frame, this.#frame + this.headerBytes);
    this.#writeIp(k, at + ip.network);
    const transport = at + ip.transport;
    const end = at + this.headerBytes;
    const payloadAt = this.payloadAt(k);
    const payloadBytes = this.payloadBytes(k);
    const transportBytes = this.headerBytes - ip.transport + payloadBytes;
    if (ip.protocol === PROTOCOL_TCP) {
      this.#writeTcp(k, transport);
    } else {
      writeNetwork16(bytes, transport + UDP_LENGTH, transportBytes);
    }
    writeNetwork16(bytes, transport + this.#checksum, 0);
    const headerSum = sumBytes(bytes, transport, end);
    const payloadSum = sumBytes(bytes, payloadAt, payloadAt + payloadBytes);
    const checksum = closeSum(this.#pseudoSum + transportBytes + headerSum + payloadSum);
    const isNone = checksum === 0 && ip.protocol === PROTOCOL_UDP;
    writeNetwork16(bytes, transport + this.#checksum, isNone ? 0xffff : checksum);
  }

  #writeIp(k: number, network: number): void {
    const bytes = this.#bytes;
    const ip = this.#ip;
    const datagramBytes = this.headerBytes - ip.network + this.payloadBytes(k);
    if (ip.version === 6) {
      writeNetwork16(bytes, network + IPV6_PAYLOAD_LENGTH, datagramBytes - IPV6_HEADER_BYTES);
      return;
    }
    writeNetwork16(bytes, network + IPV4_TOTAL_LENGTH, datagramBytes);
    writeNetwork16(bytes, network + IPV4_ID, readNetwork16(bytes, network + IPV4_ID) + k);
    writeNetwork16(bytes, network + IPV4_CHECKSUM, 0);
    const sum = sumBytes(bytes, network, network + ip.transport - ip.network);
    writeNetwork16(bytes, network + IPV4_CHECKSUM, closeSum(sum));
  }

  /**
   * FIN and PSH concern the last byte. CWR under GSO_ECN answers one congestion signal, so it goes out once (RFC 3168,
   * section 6.1.2); without GSO_ECN it is a bit of AccECN's counter, which every segment carries (RFC 9768).
   */
  #writeTcp(k: number, tcp: number): void {
    const bytes = this.#bytes;
    const high = readNetwork16(bytes, tcp + TCP_SEQUENCE);
    const low = readNetwork16(bytes, tcp + TCP_SEQUENCE + 2) + k * this.#gsoSize;
    writeNetwork16(bytes, tcp + TCP_SEQUENCE, high + (low >>> 16));
    writeNetwork16(bytes, tcp + TCP_SEQUENCE + 2, low);
    let flags = bytes[tcp + TCP_FLAGS]!;
    if (k > 0 && this.#cwrOnce) flags &= ~TCP_CWR;
    if (k < this.#count - 1) flags &= ~TCP_FIN_PSH;
    bytes[tcp + TCP_FLAGS] = flags;
  }

  /**
   * With NEEDS_CSUM the checksum field holds the pseudo header's sum, over the whole length and, behind a routing header,
   * the final destination. Without (frames that a NIC checked and merged) the addresses give it. False: malformed.
   */
  #takePseudoSum(header: number): boolean {
    const bytes = this.#bytes;
    const ip = this.#ip;
    if (bytes[header + FLAGS]! & NEEDS_CSUM) {
      if (read16(bytes, header + CSUM_START) !== ip.transport) return false;
      if (read16(bytes, header + CSUM_OFFSET) !== this.#checksum) return false;
      const field = readNetwork16(bytes, this.#frame + ip.transport + this.#checksum);
      // Subtracting in one's complement is adding the complement.
      this.#pseudoSum = field + (~(this.#length - ip.transport) & 0xffff);
      return true;
    }
    if (ip.routed) return false;
    const network = this.#frame + ip.network;
    const addresses = network + (ip.version === 4 ? IPV4_SOURCE : IPV6_SOURCE);
    this.#pseudoSum = ip.protocol + sumBytes(bytes, addresses, addresses + (ip.version === 4 ? 8 : 32));
    return true;
  }
}

function matches(gsoType: number, ip: IpHeaders): boolean {
  if ((gsoType & ~GSO_ECN) === GSO_TCPV4) return ip.version === 4 && ip.protocol === PROTOCOL_TCP;
  if ((gsoType & ~GSO_ECN) === GSO_TCPV6) return ip.version === 6 && ip.protocol === PROTOCOL_TCP;
  return gsoType === GSO_UDP_L4 && ip.protocol === PROTOCOL_UDP;
}

/** Bytes of the TCP or UDP header, by its own word; 0 where it is malformed or not wholly inside the datagram. */
function transportHeaderBytes(bytes: Uint8Array, frame: number, ip: IpHeaders): number {
  const transport = frame + ip.transport;
  const room = ip.end - ip.transport;
  if (ip.protocol === PROTOCOL_UDP) {
    const whole = room >= UDP_HEADER_BYTES && readNetwork16(bytes, transport + UDP_LENGTH) === room;
    return whole ? UDP_HEADER_BYTES : 0;
  }
  if (room < TCP_HEADER_BYTES_MIN) return 0;
  const headerBytes = (bytes[transport + TCP_DATA_OFFSET]! >>> 4) * 4;
  return headerBytes >= TCP_HEADER_BYTES_MIN && headerBytes <= room ? headerBytes : 0;
}

const measured = new Segmenter();

/** How many wire frames a super-frame becomes; 0: malformed. */
export function segmentCount(bytes: Uint8Array, header: number, frame: number, length: number): number {
  return measured.begin(bytes, header, frame, length);
}

/** Bytes of the longest wire frame that a super-frame becomes; 0: malformed. For checks against an MTU. */
export function segmentLength(bytes: Uint8Array, header: number, frame: number, length: number): number {
  if (measured.begin(bytes, header, frame, length) === 0) return 0;
  return measured.headerBytes + measured.payloadBytes(0);
}
