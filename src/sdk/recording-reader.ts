/**
 * Reads recordings (shared/recording.ts): the sections of a file, and in each what happened, in order. All that a file may be wrong
 * in is found here, and said with the place.
 */
import { ADDRESSES_BYTES } from '../frame/ethernet.ts';
import { NO_TAG, TAG_BYTES } from '../frame/vlan.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { BATCH_FRAMES_MAX, SUPER_FRAME_BYTES_MAX } from '../limits.ts';
import {
  EXACT,
  EXACT_OPTION,
  HAS_TAG,
  IS_CUT,
  Note,
  OUTCOME,
  RECORDING_BLOCK,
  RECORDING_FORMAT,
  type RecordedChange,
  type RecordingEnd,
  type RecordingHeader,
} from '../shared/recording.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const PACKET = 6;
/** Type and length before a block's body, and the length again behind it. */
const BLOCK_BYTES = 12;
const PACKET_BYTES = 20;
const MAKE_ONE = 'make one with `tswitch record`';

/** The file is no recording, or a broken one. The message is a sentence that goes on after the file's name. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
}

/** A frame as its port gave it. */
export interface RecordedFrame {
  handle: number;
  /** Without the tag that lay beside them. */
  bytes: Uint8Array;
  /** What of the length was known; more than there is of bytes where the frame was cut. */
  length: number;
  isCut: boolean;
  tag: number;
  header: Uint8Array;
}

export type RecordedEvent =
  | { is: 'change'; change: RecordedChange }
  | { is: 'image'; area: number; load: number; table: number; words: number; image: Int32Array }
  | { is: 'turn'; tick: number; ms: number }
  | { is: 'outcome'; frames: RecordedFrame[]; outcome: Int32Array };

interface Block {
  at: number;
  type: number;
  begin: number;
  end: number;
}

/** What one worker recorded. */
export class RecordedSection {
  readonly header: RecordingHeader;
  /** Null: it breaks off, as who read it was gone. */
  readonly end: RecordingEnd | null;
  readonly #file: Uint8Array;
  readonly #view: DataView;
  readonly #blocks: readonly Block[];

  /** @throws RecordingError */
  constructor(file: Uint8Array, blocks: readonly Block[]) {
    this.#file = file;
    this.#view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    this.#blocks = blocks;
    const first = blocks.find(({ type }) => type === RECORDING_BLOCK);
    if (!first || this.#noteOf(first) !== Note.HEADER) {
      throw new RecordingError(`holds frames, but nothing of what a replay needs: ${MAKE_ONE}`);
    }
    this.header = this.#json<RecordingHeader>(first);
    const { format, version } = this.header;
    if (format !== RECORDING_FORMAT) {
      throw new RecordingError(
        `has format ${format}, and this tswitch reads format ${RECORDING_FORMAT}: replay it with tswitch ${version}, which made it`,
      );
    }
    const last = blocks.findLast(({ type }) => type === RECORDING_BLOCK)!;
    this.end = this.#noteOf(last) === Note.END ? this.#json<RecordingEnd>(last) : null;
  }

  /** Changes of configuration alone. @throws RecordingError */
  *changes(): Generator<RecordedChange, void> {
    for (const block of this.#blocks) {
      const isChange = block.type === RECORDING_BLOCK && this.#noteOf(block) === Note.CHANGE;
      if (isChange) yield this.#json<RecordedChange>(block);
    }
  }

  /** @throws RecordingError where it stops making sense */
  *events(): Generator<RecordedEvent, void> {
    const handles = new Map<number, number>();
    let frames: RecordedFrame[] = [];
    for (const block of this.#blocks) {
      if (block.type === PACKET) frames.push(this.#frame(block, handles));
      if (block.type !== RECORDING_BLOCK) continue;
      switch (this.#noteOf(block)) {
        case Note.CHANGE: {
          const change = this.#json<RecordedChange>(block);
          if (change.do === 'open') handles.set(change.interface, change.handle);
          yield { is: 'change', change };
          break;
        }
        case Note.IMAGE: {
          const [, area = 0, load = 0, table = 0, words = 0] = this.#words(block);
          yield { is: 'image', area, load, table, words, image: this.#words(block).subarray(5) };
          break;
        }
        case Note.TURN: {
          const words = this.#words(block);
          yield { is: 'turn', tick: words[1] ?? 0, ms: new Float64Array(words.slice(2, 4).buffer)[0] ?? 0 };
          break;
        }
        case Note.BATCH: {
          const outcome = this.#words(block).subarray(1);
          if (!isBatch(frames, outcome)) throw broken(block.at);
          yield { is: 'outcome', frames, outcome };
          frames = [];
          break;
        }
        default:
      }
    }
  }

  #frame({ at, begin, end }: Block, handles: ReadonlyMap<number, number>): RecordedFrame {
    const view = this.#view;
    const handle = handles.get(begin + PACKET_BYTES <= end ? view.getUint32(begin, true) : -1);
    if (handle === undefined) throw broken(at);
    const captured = view.getUint32(begin + 12, true);
    const data = begin + PACKET_BYTES;
    if (captured > Math.min(end - data, SUPER_FRAME_BYTES_MAX)) throw broken(at);
    const options = data + ((captured + 3) & ~3);
    const exact = this.#exactOf(options, end);
    const flags = exact?.[EXACT.FLAGS] ?? 0;
    const whole = this.#file.subarray(data, data + captured);
    const hasTag = (flags & HAS_TAG) !== 0;
    if (hasTag && captured < ADDRESSES_BYTES + TAG_BYTES) throw broken(at);
    return {
      handle,
      bytes: hasTag ? withoutTag(whole) : whole,
      length: view.getUint32(begin + 16, true) - (hasTag ? TAG_BYTES : 0),
      isCut: (flags & IS_CUT) !== 0,
      tag: exact?.[EXACT.TAG] ?? NO_TAG,
      header: exact
        ? new Uint8Array(exact.buffer, EXACT.VNET * 4, VNET_HEADER_BYTES)
        : new Uint8Array(VNET_HEADER_BYTES),
    };
  }

  /** The words of EXACT_OPTION, of their own; null: there are none. */
  #exactOf(options: number, end: number): Int32Array<ArrayBuffer> | null {
    const view = this.#view;
    for (let at = options; at + 4 <= end;) {
      const code = view.getUint16(at, true);
      const length = view.getUint16(at + 2, true);
      if (code === 0) return null;
      if (code === EXACT_OPTION && length === EXACT.WORDS * 4 && at + 4 + length <= end) {
        return wordsOf(this.#file.subarray(at + 4, at + 4 + length));
      }
      at += 4 + ((length + 3) & ~3);
    }
    return null;
  }

  #noteOf({ begin, end }: Block): number {
    return begin + 4 <= end ? this.#view.getUint32(begin, true) : 0;
  }

  #words({ begin, end }: Block): Int32Array<ArrayBuffer> {
    return wordsOf(this.#file.subarray(begin, end));
  }

  /** What the same version wrote is what it says it is. */
  #json<T>({ at, begin, end }: Block): T {
    try {
      return JSON.parse(new TextDecoder().decode(this.#file.subarray(begin + 4, end))) as T;
    } catch {
      throw broken(at);
    }
  }
}

/** @throws RecordingError */
export function readRecording(file: Uint8Array): RecordedSection[] {
  const sections: Block[][] = [];
  for (const block of blocksOf(file)) {
    if (block.type === SECTION_HEADER) sections.push([]);
    sections.at(-1)!.push(block);
  }
  return sections.map((blocks) => new RecordedSection(file, blocks));
}

function blocksOf(file: Uint8Array): Block[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isPcapng =
    file.length >= BLOCK_BYTES &&
    view.getUint32(0, true) === SECTION_HEADER &&
    view.getUint32(8, true) === BYTE_ORDER_MAGIC;
  if (!isPcapng) throw new RecordingError(`is no recording: ${MAKE_ONE}`);
  const blocks: Block[] = [];
  for (let at = 0; at < file.length;) {
    const isWhole = at + BLOCK_BYTES <= file.length;
    const bytes = isWhole ? view.getUint32(at + 4, true) : 0;
    if (!isWhole || (bytes >= BLOCK_BYTES && at + bytes > file.length)) {
      throw new RecordingError(`is cut off: it ends in the middle of a block that begins at byte ${at}; copy it again`);
    }
    const isRight = bytes >= BLOCK_BYTES && bytes % 4 === 0 && view.getUint32(at + bytes - 4, true) === bytes;
    if (!isRight) throw broken(at);
    blocks.push({ at, type: view.getUint32(at, true), begin: at + 8, end: at + bytes - 4 });
    at += bytes;
  }
  return blocks;
}

/** Whether the frames are those of the outcome, and of one port. */
function isBatch(frames: readonly RecordedFrame[], outcome: Int32Array): boolean {
  const isRight = frames.length <= BATCH_FRAMES_MAX && frames.length === outcome[OUTCOME.FRAMES];
  return isRight && frames.every(({ handle }) => handle === frames[0]!.handle);
}

function broken(at: number): RecordingError {
  return new RecordingError(`is broken at byte ${at}: copy it again, or ${MAKE_ONE}`);
}

/** A block begins at any byte of what a file was read into. */
function wordsOf(bytes: Uint8Array): Int32Array<ArrayBuffer> {
  return new Int32Array(Uint8Array.from(bytes).buffer);
}

function withoutTag(whole: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(whole.length - TAG_BYTES);
  bytes.set(whole.subarray(0, ADDRESSES_BYTES));
  bytes.set(whole.subarray(ADDRESSES_BYTES + TAG_BYTES), ADDRESSES_BYTES);
  return bytes;
}
