/**
 * Ethernet frames out of capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). Read here,
 * because the npm packages that do it are unmaintained, read one of the two formats only, or build native code; and all
 * that is needed is the frames. What a capture that is still running has not finished is left out.
 */
import { CliError } from './errors.ts';

export interface CapturedFrame {
  bytes: Buffer;
  /** As it was on the wire; more than `bytes` holds if the capture cut it. */
  length: number;
}

/** LINKTYPE_ETHERNET. */
const ETHERNET = 1;

/** Of the first four bytes as a big-endian number: microseconds and nanoseconds, in either byte order. */
const PCAP_MAGIC_BIG = [0xa1b2c3d4, 0xa1b23c4d];
const PCAP_MAGIC_LITTLE = [0xd4c3b2a1, 0x4d3cb2a1];
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_HEADER_BYTES = 16;

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
/** Type, length, and the length again behind the body. */
const BLOCK_BYTES_MIN = 12;

/**
 * @param path for errors
 * @throws CliError where `file` is no capture, is broken, or holds other frames than Ethernet's
 */
export function readCapture(file: Buffer, path: string, max: number): { frames: CapturedFrame[]; leftOut: number } {
  const frames: CapturedFrame[] = [];
  let leftOut = 0;
  for (const { linkType, ...frame } of recordsOf(file, path)) {
    if (linkType !== ETHERNET) {
      throw new CliError(
        `${path} holds frames of link type ${linkType}, not Ethernet; capture on one Ethernet interface, not on "any"`,
      );
    }
    if (frames.length < max) frames.push(frame);
    else leftOut++;
  }
  if (frames.length === 0) throw new CliError(`${path} holds no frame`);
  return { frames, leftOut };
}

type CaptureRecord = CapturedFrame & { linkType: number };

function recordsOf(file: Buffer, path: string): Generator<CaptureRecord> {
  const magic = file.length >= 4 ? file.readUInt32BE(0) : 0;
  if (magic === SECTION_HEADER) return pcapngRecords(new Numbers(file, false), path);
  const isLittle = PCAP_MAGIC_LITTLE.includes(magic);
  if (file.length < PCAP_HEADER_BYTES || !(isLittle || PCAP_MAGIC_BIG.includes(magic))) {
    throw new CliError(`${path} is neither a pcap nor a pcapng file`);
  }
  return pcapRecords(new Numbers(file, isLittle));
}

/** Numbers of a file, in its byte order. */
class Numbers {
  readonly file: Buffer;
  isLittle: boolean;

  constructor(file: Buffer, isLittle: boolean) {
    this.file = file;
    this.isLittle = isLittle;
  }

  u16(at: number): number {
    return this.isLittle ? this.file.readUInt16LE(at) : this.file.readUInt16BE(at);
  }

  u32(at: number): number {
    return this.isLittle ? this.file.readUInt32LE(at) : this.file.readUInt32BE(at);
  }
}

function* pcapRecords(numbers: Numbers): Generator<CaptureRecord> {
  const { file } = numbers;
  // The upper half of the word says how long a frame check sequence is, which no Linux capture has.
  const linkType = numbers.u32(20) & 0xffff;
  let at = PCAP_HEADER_BYTES;
  while (at + PCAP_RECORD_HEADER_BYTES <= file.length) {
    const start = at + PCAP_RECORD_HEADER_BYTES;
    const end = start + numbers.u32(at + 8);
    if (end > file.length) return;
    yield { linkType, bytes: file.subarray(start, end), length: numbers.u32(at + 12) };
    at = end;
  }
}

interface CaptureInterface {
  linkType: number;
  /** Longest part of a frame that was kept; 0: no limit. */
  snapLength: number;
}

function* pcapngRecords(numbers: Numbers, path: string): Generator<CaptureRecord> {
  const { file } = numbers;
  let interfaces: CaptureInterface[] = [];
  const broken = (at: number): CliError =>
    new CliError(`${path} is broken at byte ${at}: no pcapng block begins there`);
  let at = 0;
  while (at + BLOCK_BYTES_MIN <= file.length) {
    // Its type reads the same in both byte orders; what follows tells which one the section has.
    const isSection = file.readUInt32BE(at) === SECTION_HEADER;
    if (isSection) {
      numbers.isLittle = file.readUInt32LE(at + 8) === BYTE_ORDER_MAGIC;
      if (!numbers.isLittle && file.readUInt32BE(at + 8) !== BYTE_ORDER_MAGIC) throw broken(at);
      interfaces = [];
    }
    const type = numbers.u32(at);
    const blockBytes = numbers.u32(at + 4);
    if (blockBytes < BLOCK_BYTES_MIN || blockBytes % 4 !== 0) throw broken(at);
    const body = at + 8;
    const bodyEnd = at + blockBytes - 4;
    if (bodyEnd + 4 > file.length) return;
    if (type === INTERFACE_DESCRIPTION && body + 8 <= bodyEnd) {
      interfaces.push({ linkType: numbers.u16(body), snapLength: numbers.u32(body + 4) });
    } else if (type === ENHANCED_PACKET || type === SIMPLE_PACKET) {
      const packet = type === ENHANCED_PACKET ? enhanced(numbers, body, bodyEnd) : simple(numbers, body, interfaces);
      const from = interfaces[packet.interfaceId];
      if (!from || packet.end > bodyEnd) throw broken(at);
      const { start, end, length } = packet;
      yield { linkType: from.linkType, bytes: file.subarray(start, end), length };
    }
    at += blockBytes;
  }
}

/** Where the frame of a block lies in the file, and how long it was. */
interface Packet {
  interfaceId: number;
  start: number;
  end: number;
  length: number;
}

function enhanced(numbers: Numbers, body: number, bodyEnd: number): Packet {
  const start = body + 20;
  if (start > bodyEnd) return { interfaceId: -1, start, end: start, length: 0 };
  const end = start + numbers.u32(body + 12);
  return { interfaceId: numbers.u32(body), start, end, length: numbers.u32(body + 16) };
}

function simple(numbers: Numbers, body: number, interfaces: readonly CaptureInterface[]): Packet {
  const start = body + 4;
  const length = numbers.u32(body);
  const kept = interfaces[0]?.snapLength || length;
  return { interfaceId: 0, start, end: start + Math.min(length, kept), length };
}
