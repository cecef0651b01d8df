/**
 * Finishing what a sender's kernel left to the device: checksums over 64 bytes to 64 KiB, and TCP super-frames of up to
 * 64 KiB cut into 1,500-byte packets. The reference is the obvious loop over pairs of bytes (RFC 1071).
 *
 * Argument: seconds per case. Prints MicroRow[] as JSON, on the last line.
 */
import { sumBytes } from '../../src/frame/offload/checksum.ts';
import { Segmenter } from '../../src/frame/offload/segment.ts';
import { GSO_TCPV4, NEEDS_CSUM, VNET_HEADER_BYTES } from '../../src/frame/vnet-header.ts';
import { EMPTY_DIGEST, fold } from './digest.ts';
import { type Case, digestOfRepeated, measureTable, printRows, secondsPerCase } from './table.ts';

const SUMMED_BYTES = [64, 256, 1460, 9000, 65_536];
const OBVIOUS_BYTES = 1460;
const REFERENCE = `obvious loop, ${OBVIOUS_BYTES} bytes`;
/** Sums of one run: the bytes then lie in the nearest cache, as a frame's do that just came. */
const SUMS = 16;
/** Segments of one super-frame; the last one is 64 KiB. */
const SEGMENTS = [2, 11, 44];

const FRAME = VNET_HEADER_BYTES + 2;
const IP = 14;
const TCP = IP + 20;
const PAYLOAD = TCP + 20;
/** MTU 1500. */
const GSO_SIZE = 1460;
const HEADS = 128 * 1024;

function obviousSum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i += 2) sum += (bytes[i]! << 8) | (i + 1 < to ? bytes[i + 1]! : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Bytes without a pattern that a sum could miss. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  for (let i = 0, word = 1; i < length; i++) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = word >>> 24;
  }
  return bytes;
}

type Sum = (bytes: Uint8Array, from: number, to: number) => number;

function sumCase(name: string, length: number, sum: Sum): Case {
  // Frames do not begin at whole words.
  const bytes = noise(length + 2);
  return {
    name,
    operations: SUMS,
    runs: 1,
    run: () => {
      let digest = EMPTY_DIGEST;
      for (let k = 0; k < SUMS; k++) digest = fold(digest, sum(bytes, 2, 2 + length));
      return digest;
    },
    expected: () => digestOfRepeated(obviousSum(bytes, 2, 2 + length), SUMS),
  };
}

/** A TCP super-frame over IPv4 as a Linux sender hands it over: the checksum covers the pseudo header only. */
function superFrame(segments: number): { bytes: Uint8Array; length: number } {
  const length = PAYLOAD + segments * GSO_SIZE - 7;
  const bytes = new Uint8Array(new SharedArrayBuffer(2 * HEADS));
  bytes.set(noise(length), FRAME);
  const view = new DataView(bytes.buffer);
  const header = FRAME - VNET_HEADER_BYTES;
  bytes.set([NEEDS_CSUM, GSO_TCPV4], header);
  [PAYLOAD, GSO_SIZE, TCP, 16].forEach((field, k) => view.setUint16(header + 2 + 2 * k, field, true));
  view.setUint16(FRAME + 12, 0x0800);
  bytes.set([0x45, 0, (length - IP) >>> 8, length - IP, 0, 7, 0, 0, 64, 6], FRAME + IP);
  bytes[FRAME + TCP + 12] = 0x50;
  const pseudo = obviousSum(bytes, FRAME + IP + 12, FRAME + TCP) + 6 + (length - TCP);
  view.setUint16(FRAME + TCP + 16, (pseudo & 0xffff) + (pseudo >>> 16));
  return { bytes, length };
}

/** The finished TCP checksum of segment `k`, computed over the whole segment, put together here. */
function expectedChecksum(bytes: Uint8Array, length: number, k: number): number {
  const at = FRAME + PAYLOAD + k * GSO_SIZE;
  const payload = bytes.subarray(at, Math.min(at + GSO_SIZE, FRAME + length));
  const tcp = Buffer.concat([bytes.subarray(FRAME + TCP, FRAME + PAYLOAD), payload]);
  tcp.writeUInt32BE((tcp.readUInt32BE(4) + k * GSO_SIZE) >>> 0, 4);
  // FIN and PSH concern the last byte.
  if (at + GSO_SIZE < FRAME + length) tcp[13]! &= ~9;
  tcp.writeUInt16BE(0, 16);
  const pseudo = [...bytes.subarray(FRAME + IP + 12, FRAME + TCP), 0, 6, tcp.length >>> 8, tcp.length & 255];
  const all = Uint8Array.from([...pseudo, ...tcp]);
  return ~obviousSum(all, 0, all.length) & 0xffff;
}

function segmentCase(segments: number): Case {
  const { bytes, length } = superFrame(segments);
  const segmenter = new Segmenter();
  return {
    name: `${length} bytes into ${segments} segments, per segment`,
    operations: segments,
    runs: 1,
    run: () => {
      let digest = fold(EMPTY_DIGEST, segmenter.begin(bytes, FRAME - VNET_HEADER_BYTES, FRAME, length));
      for (let k = 0; k < segments; k++) {
        segmenter.writeHeaders(k, HEADS);
        const checksum = HEADS + TCP + 16;
        digest = fold(digest, (bytes[checksum]! << 8) | bytes[checksum + 1]!);
      }
      return digest;
    },
    expected: () => {
      let digest = fold(EMPTY_DIGEST, segments);
      for (let k = 0; k < segments; k++) digest = fold(digest, expectedChecksum(bytes, length, k));
      return digest;
    },
  };
}

const options = { table: 'checksum and segmentation', per: 'operation', reference: REFERENCE } as const;
const rows = await measureTable({ ...options, seconds: secondsPerCase() }, [
  sumCase(REFERENCE, OBVIOUS_BYTES, obviousSum),
  ...SUMMED_BYTES.map((length) => sumCase(`checksum, ${length} bytes`, length, sumBytes)),
  ...SEGMENTS.map((segments) => segmentCase(segments)),
]);
printRows(rows);
