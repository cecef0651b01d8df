/** Frames of the reference switch: read and written byte by byte, on their own. */

/** A tag, as complete as the frame has it: one that the frame's end cuts off before the EtherType behind it has no VID. */
export interface Tag {
  tpid: number;
  vid: number | null;
  pcp: number;
  dei: number;
  bytes: number[];
}

export interface Frame {
  dst: string;
  src: string;
  tags: Tag[];
  /** From the EtherType on. */
  rest: number[];
}

const TPIDS = [0x8100, 0x88a8];

export function makeTag(tpid: number, vid: number, pcp: number, dei: number): Tag {
  const tci = pcp * 0x2000 + dei * 0x1000 + vid;
  return { tpid, vid, pcp, dei, bytes: [...twoBytes(tpid), ...twoBytes(tci)] };
}

/** @param bytes at least 14 */
export function parse(bytes: readonly number[]): Frame {
  const tags: Tag[] = [];
  let rest = bytes.slice(12);
  while (TPIDS.includes(number16(rest))) {
    const tci = number16(rest.slice(2));
    tags.push({
      tpid: number16(rest),
      vid: rest.length < 6 ? null : tci % 0x1000,
      pcp: Math.floor(tci / 0x2000),
      dei: Math.floor(tci / 0x1000) % 2,
      bytes: rest.slice(0, 4),
    });
    rest = rest.slice(4);
  }
  return { dst: address(bytes.slice(0, 6)), src: address(bytes.slice(6, 12)), tags, rest };
}

function number16([high = 0, low = 0]: number[]): number {
  return high * 0x100 + low;
}

function twoBytes(value: number): number[] {
  return [Math.floor(value / 0x100), value % 0x100];
}

function address(bytes: number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export function addressBytes(text: string): number[] {
  return text.split(':').map((part) => parseInt(part, 16));
}

export function lastByte(text: string): number {
  return addressBytes(text)[5]!;
}

export function isGroup(text: string): boolean {
  return addressBytes(text)[0]! % 2 === 1;
}
