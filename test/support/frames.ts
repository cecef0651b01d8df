/** Builds frames for tests, and says in words what came out. */
import { createHash } from 'node:crypto';

export interface FrameSpec {
  dst?: string;
  src?: string;
  /** Tags from the outside in; a number is the VID of an 8100 tag. */
  tags?: (number | { tpid?: number; vid: number; pcp?: number; dei?: number })[];
  etherType?: number;
  /** Payload bytes; given as a number, that many bytes of a fixed pattern. */
  payload?: number | Uint8Array;
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** A unicast address that tells its number. */
export function mac(n: number): string {
  const hex = n.toString(16).padStart(8, '0');
  return `02:00:${hex.match(/../g)!.join(':')}`;
}

export function macBytes(text: string): number[] {
  return text.split(':').map((part) => parseInt(part, 16));
}

export function frame(spec: FrameSpec = {}): Uint8Array {
  const payload = typeof spec.payload === 'object' ? spec.payload : pattern(spec.payload ?? 46);
  const tags = (spec.tags ?? []).flatMap((tag) => {
    const { tpid = 0x8100, vid, pcp = 0, dei = 0 } = typeof tag === 'number' ? { vid: tag } : tag;
    const tci = (pcp << 13) | (dei << 12) | vid;
    return [tpid >>> 8, tpid & 0xff, tci >>> 8, tci & 0xff];
  });
  const type = spec.etherType ?? 0x88b5;
  return Uint8Array.from([
    ...macBytes(spec.dst ?? BROADCAST),
    ...macBytes(spec.src ?? mac(1)),
    ...tags,
    type >>> 8,
    type & 0xff,
    ...payload,
  ]);
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, k) => (k * 7 + 3) & 0xff);
}

/** `untagged`, or its outer tags in words: `8100:10`, with `p5` for a priority and `d` for DEI. */
export function tagsOf(bytes: Uint8Array): string {
  const words: string[] = [];
  let at = 12;
  for (;;) {
    const tpid = (bytes[at]! << 8) | bytes[at + 1]!;
    if (tpid !== 0x8100 && tpid !== 0x88a8) break;
    const tci = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const pcp = tci >>> 13 ? `p${tci >>> 13}` : '';
    words.push(`${tpid.toString(16)}:${tci & 0xfff}${pcp}${tci & 0x1000 ? 'd' : ''}`);
    at += 4;
  }
  return words.length === 0 ? 'untagged' : words.join('+');
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
