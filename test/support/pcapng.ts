/** Reads pcapng (draft-ietf-opsawg-pcapng) as the draft says, and throws at anything that it does not allow. */
import { expect } from 'vitest';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE = 1;
const STATISTICS = 5;
const PACKET = 6;
/** Types from here on are nobody else's business (section 3.1). */
const LOCAL_USE = 0x80000000;

export interface PcapngPacket {
  port: string;
  direction: 'in' | 'out';
  /** Microseconds since 1970. */
  micros: number;
  bytes: Uint8Array;
  length: number;
  comment: string;
}

export interface PcapngFile {
  sections: number;
  interfaces: { name: string; snapLength: number }[];
  packets: PcapngPacket[];
  /** By interface name; the last of each. */
  statistics: Record<string, { received: number; dropped: number; comment: string }>;
}

export function readPcapng(given: Uint8Array): PcapngFile {
  // A slice of a Buffer is none of its own.
  const file = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const read: PcapngFile = { sections: 0, interfaces: [], packets: [], statistics: {} };
  let names: string[] = [];
  let at = 0;
  while (at < file.length) {
    const type = view.getUint32(at, true);
    const bytes = view.getUint32(at + 4, true);
    if (bytes < 12 || bytes % 4 !== 0 || at + bytes > file.length) throw new Error(`no block at ${at}: ${bytes} bytes`);
    expect(view.getUint32(at + bytes - 4, true)).toBe(bytes);
    const body = at + 8;
    const end = at + bytes - 4;
    if (type === SECTION_HEADER) {
      expect(view.getUint32(body, true)).toBe(BYTE_ORDER_MAGIC);
      expect([view.getUint16(body + 4, true), view.getUint16(body + 6, true)]).toEqual([1, 0]);
      optionsOf(file, view, body + 16, end);
      read.sections++;
      names = [];
    } else if (type === INTERFACE) {
      expect(view.getUint16(body, true)).toBe(1);
      const name = textOf(optionsOf(file, view, body + 8, end).get(2));
      names.push(name);
      read.interfaces.push({ name, snapLength: view.getUint32(body + 4, true) });
    } else if (type === PACKET) {
      const captured = view.getUint32(body + 12, true);
      const length = view.getUint32(body + 16, true);
      expect(captured).toBeLessThanOrEqual(length);
      const start = body + 20;
      const options = optionsOf(file, view, start + ((captured + 3) & ~3), end);
      const flags = options.get(2)!;
      read.packets.push({
        port: names[view.getUint32(body, true)] ?? expect.fail('a packet of an interface that is not described'),
        direction: (flags[0]! & 3) === 1 ? 'in' : 'out',
        micros: view.getUint32(body + 4, true) * 2 ** 32 + view.getUint32(body + 8, true),
        bytes: file.slice(start, start + captured),
        length,
        comment: textOf(options.get(1)),
      });
    } else if (type === STATISTICS) {
      const options = optionsOf(file, view, body + 12, end);
      const name = names[view.getUint32(body, true)] ?? expect.fail('statistics of an interface that is not described');
      const [received, dropped] = [countOf(options.get(4)), countOf(options.get(5))];
      read.statistics[name] = { received, dropped, comment: textOf(options.get(1)) };
    } else if (type < LOCAL_USE) {
      throw new Error(`a block of type ${type} at ${at}`);
    }
    at += bytes;
  }
  return read;
}

function optionsOf(file: Uint8Array, view: DataView, from: number, end: number): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  let at = from;
  for (;;) {
    if (at + 4 > end) throw new Error(`the options at ${from} do not end`);
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (code === 0) break;
    options.set(code, file.slice(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  expect(at + 4).toBe(end);
  return options;
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function countOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? -1 : Number(new DataView(bytes.buffer).getBigUint64(0, true));
}
