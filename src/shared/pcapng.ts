/**
 * Writes pcapng blocks (draft-ietf-opsawg-pcapng): a section header, an interface description per port, packets with their
 * options, and statistics. Every field of theirs is a multiple of 32 bits, in the machine's own (little-endian) order.
 * docs/decisions/0017 says why this is no package of others.
 */
const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const VERSION_1_0 = 1;
const LINKTYPE_ETHERNET = 1;
/** Type and length before a block's body, and the length again behind it. */
const BLOCK_BYTES = 12;
const PACKET_BYTES = 20;

/** Codes of options (sections 3.5, 4.1, 4.2, 4.3 and 4.6). */
const END_OF_OPTIONS = 0;
const COMMENT = 1;
const SHB_OS = 3;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const EPB_FLAGS = 2;
const ISB_STARTTIME = 2;
const ISB_ENDTIME = 3;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;

/** Of epb_flags. */
const INBOUND = 1;
const OUTBOUND = 2;

const TWO_TO_32 = 2 ** 32;
const BUFFER_BYTES = 256 * 1024;

const encoder = new TextEncoder();

/** Options as they stand in a block, with their end. */
export type Options = Uint8Array;

const NO_OPTIONS = new Uint8Array(0);

export interface Statistics {
  /** Microseconds since 1970. */
  started: number;
  ended: number;
  /** Frames that were to be captured, and how many of those were missed. */
  received: number;
  dropped: number;
  comment: string | null;
}

/** Options of a packet: its direction, and a comment. */
export function packetOptions(isInbound: boolean, comment: string): Options {
  return optionsOf([
    [EPB_FLAGS, Uint32Array.of(isInbound ? INBOUND : OUTBOUND)],
    [COMMENT, comment],
  ]);
}

/** Options of a packet that entered. @param own of a code from 32768 on, which are left to local use (section 3.5) */
export function inboundOptions(...own: readonly (readonly [number, Uint32Array])[]): Options {
  return optionsOf([[EPB_FLAGS, Uint32Array.of(INBOUND)], ...own]);
}

export class PcapngWriter {
  #bytes = new Uint8Array(BUFFER_BYTES);
  #words = new Uint32Array(this.#bytes.buffer);
  /** Bytes written and not taken. */
  #at = 0;

  get pending(): number {
    return this.#at;
  }

  section(os: string, application: string): void {
    const unknownLength = 0xffffffff;
    const body = Uint32Array.of(BYTE_ORDER_MAGIC, VERSION_1_0, unknownLength, unknownLength);
    this.#block(SECTION_HEADER, body, optionsOf([[SHB_OS, os], [SHB_USERAPPL, application]])); // prettier-ignore
  }

  /** @param snapLength 0: no limit */
  interface(name: string, description: string, snapLength: number): void {
    const body = Uint32Array.of(LINKTYPE_ETHERNET, snapLength);
    const options = optionsOf([
      [IF_NAME, name],
      [IF_DESCRIPTION, description],
    ]);
    this.#block(INTERFACE_DESCRIPTION, body, options);
  }

  statistics(interfaceId: number, { started, ended, received, dropped, comment }: Statistics): void {
    const options: [number, Uint32Array | string][] = [
      [ISB_STARTTIME, timeOf(started)],
      [ISB_ENDTIME, timeOf(ended)],
      [ISB_IFRECV, countOf(received)],
      [ISB_IFDROP, countOf(dropped)],
    ];
    if (comment !== null) options.push([COMMENT, comment]);
    const body = Uint32Array.of(interfaceId, ...timeOf(ended));
    this.#block(INTERFACE_STATISTICS, body, optionsOf(options));
  }

  /** A block of words of one's own. @param type with the sign bit, which leaves it to local use (section 3.1) */
  local(type: number, body: Int32Array): void {
    this.#block(type, body, NO_OPTIONS);
  }

  /**
   * Begins a packet.
   * @param micros since 1970
   * @param captured bytes of it that follow, `length` those it had
   * @returns its place, for `bytes`; `end` must follow
   */
  packet(interfaceId: number, micros: number, captured: number, length: number, options: Options): number {
    const padded = (captured + 3) & ~3;
    const total = BLOCK_BYTES + PACKET_BYTES + padded + options.length;
    this.#reserve(total);
    const words = this.#words;
    const at = this.#at >>> 2;
    words[at] = ENHANCED_PACKET;
    words[at + 1] = total;
    words[at + 2] = interfaceId;
    words[at + 3] = Math.floor(micros / TWO_TO_32);
    words[at + 4] = micros % TWO_TO_32;
    words[at + 5] = captured;
    words[at + 6] = length;
    const data = this.#at + 8 + PACKET_BYTES;
    if (captured < padded) words[(data + padded - 4) >>> 2] = 0;
    this.#bytes.set(options, data + padded);
    words[(this.#at + total - 4) >>> 2] = total;
    this.#at += total;
    return data;
  }

  /** Where packets' bytes are to be put; until the next packet. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** What was written since the last call, to be used before anything else is written. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    return taken;
  }

  #block(type: number, body: Uint32Array | Int32Array, options: Options): void {
    const total = BLOCK_BYTES + body.byteLength + options.length;
    this.#reserve(total);
    const at = this.#at >>> 2;
    this.#words[at] = type;
    this.#words[at + 1] = total;
    this.#words.set(body, at + 2);
    this.#bytes.set(options, this.#at + 8 + body.byteLength);
    this.#words[(this.#at + total - 4) >>> 2] = total;
    this.#at += total;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * Math.max(this.#bytes.length, bytes));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#words = new Uint32Array(grown.buffer);
  }
}

function optionsOf(options: readonly (readonly [number, Uint32Array | string])[]): Options {
  const values = options.map(([code, value]) => {
    const bytes = typeof value === 'string' ? encoder.encode(value).subarray(0, 0xffff) : bytesOf(value);
    return { code, bytes, padded: (bytes.length + 3) & ~3 };
  });
  const end = 4;
  const all = new Uint8Array(values.reduce((sum, { padded }) => sum + 4 + padded, end));
  const view = new DataView(all.buffer);
  let at = 0;
  for (const { code, bytes, padded } of values) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, bytes.length, true);
    all.set(bytes, at + 4);
    at += 4 + padded;
  }
  view.setUint16(at, END_OF_OPTIONS, true);
  return all;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** A time has its upper half first. */
function timeOf(micros: number): Uint32Array {
  return Uint32Array.of(Math.floor(micros / TWO_TO_32), micros % TWO_TO_32);
}

/** A count is one number of 64 bits. */
function countOf(count: number): Uint32Array {
  return Uint32Array.of(count % TWO_TO_32, Math.floor(count / TWO_TO_32));
}
