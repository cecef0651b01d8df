/**
 * Recordings: the exact inputs of one worker's data path, in the order it got them, and what it made of them. A recording is a
 * pcapng section, which Wireshark opens: interfaces are ports, packets the frames that entered. What a replay needs besides
 * stands in blocks and options of the types that the draft leaves to local use, which other readers pass over.
 *
 * After the section header comes HEADER; then, as it happens, CHANGE (of configuration), IMAGE (of memory that others than
 * this worker change), TURN (the time of what follows), the packets of a batch, and BATCH (what became of them); at last END.
 */
import type { PortConfig } from './commands.ts';
import type { LogicScope } from './logic-load.ts';
import { PcapngWriter } from './pcapng.ts';

export const RECORDING_FORMAT = 1;

/** `tsw` behind the sign bit. */
export const RECORDING_BLOCK = 0x80747377;
/** First word of such a block's body. What follows: */
export const Note = {
  /** JSON: RecordingHeader. */
  HEADER: 1,
  /** JSON: RecordedChange. */
  CHANGE: 2,
  /** Area, of a logic's table the load's id and the table's number, words of the memory; then the image (memory-image.ts). */
  IMAGE: 3,
  /** FDB ticks, and the two halves of a double: milliseconds of the same clock. */
  TURN: 4,
  /** See `OUTCOME`. */
  BATCH: 5,
  /** JSON: RecordingEnd. */
  END: 6,
  /** Nothing: keeps a connection from being taken for dead. */
  PAUSE: 7,
} as const;

/** What an image is of. */
export const Area = {
  /** The FDB as it became by others' hands. */
  FDB: 0,
  /** Another FDB, in place of the one before. */
  NEW_FDB: 1,
  STORMS: 2,
  PROBE_TOKENS: 3,
  /** A table of a logic that is about to be used. */
  TABLE: 4,
} as const;

/**
 * Words of an outcome, in which a batch, a tick or a probe ends. Behind them two words for each frame: its verdict; its VLAN (upper
 * half) and who decided (see LogicHost.decisionOf). Then for each list that was sent by a port its handle and number of
 * messages, and three words for each message: its note (see datapath/message-note.ts), a digest of its bytes, and the errno.
 */
export const OUTCOME = {
  /** 1: others changed what all share while it was decided, so it need not come out the same again. */
  DISTURBED: 0,
  FRAMES: 1,
  FRAMES_AT: 2,
} as const;
export const FRAME_WORDS = 2;
export const MESSAGE_WORDS = 3;

/** Option of a packet, with five words: what the batch had beside its bytes. A packet without it had nothing. */
export const EXACT_OPTION = 0x8001;
export const EXACT = {
  /** The outer tag that lay beside the bytes, as one integer (frame/vlan.ts), and stands in the packet if HAS_TAG says so. */
  TAG: 0,
  FLAGS: 1,
  /** Three words: the virtio-net header. */
  VNET: 2,
  WORDS: 5,
} as const;
export const HAS_TAG = 1;
/** The frame was longer than there was room for; the packet's length is what was known of it. */
export const IS_CUT = 2;

export interface RecordingHeader {
  format: number;
  /** Of tswitch. */
  version: string;
  worker: number;
  /** All that worked; each has a section of its own. */
  workers: number;
  /** When the recording began, as Date has it. */
  startedMs: number;
}

/** `count`, `seconds`, `size`: it has got so much; `reader`: who read it went away; `worker`: one was replaced. */
export const RECORDING_ENDS = ['stopped', 'count', 'seconds', 'size', 'reader', 'worker', 'daemon'] as const;
export type RecordingEndReason = (typeof RECORDING_ENDS)[number];

export interface RecordingEnd {
  reason: RecordingEndReason;
  frames: number;
}

export interface RecordedLogic {
  id: number;
  name: string;
  file: string;
  /** Of the module's name: Node goes by it. */
  ending: string;
  revision: number;
  /** Structured clone, in base64: what a schema gives may be more than JSON. */
  params: string;
  scope: LogicScope;
  isShadow: boolean;
  seed: number;
  /** Names of its drop reasons; null: it decided nothing, as it was in shadow or could not be made. */
  drops: readonly string[] | null;
  /** The module that ran; null: it was none of a file, could not be read, or is in the recording already. */
  source: string | null;
}

export type RecordedChange =
  /** `interface`: number of the port's packets in the section. */
  | { do: 'open'; handle: number; interface: number; config: PortConfig }
  | { do: 'configure'; handle: number; config: PortConfig }
  | { do: 'close'; handle: number }
  | { do: 'switch'; forwardReserved: readonly boolean[] }
  /** All of them from now on. */
  | { do: 'logics'; logics: readonly RecordedLogic[] }
  | { do: 'probe'; handle: number; vlan: number };

const WRITTEN = 0;
const FRAMES = 1;
const ENDED = 2;
const HEADER_BYTES = 64;
/** Kept free for the end. */
const END_BYTES = 256;

/**
 * Where a worker's section grows. It holds as much as the recording may have, so nothing is ever missed in its middle: what
 * does not fit ends it. Written by the worker; by the control plane only what ends a worker that cannot.
 */
export class RecordingBuffer {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#bytes = new Uint8Array(buffer, HEADER_BYTES);
  }

  /** @param bytes of the section at most; memory that it does not fill is never touched */
  static allocate(bytes: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEADER_BYTES + bytes);
  }

  /** Bytes of whole blocks that are there. */
  get written(): number {
    return Atomics.load(this.#words, WRITTEN);
  }

  get frames(): number {
    return Atomics.load(this.#words, FRAMES);
  }

  get isEnded(): boolean {
    return Atomics.load(this.#words, ENDED) === 1;
  }

  /** Adds whole blocks. @returns false, and adds nothing, where there is no room for them */
  add(blocks: Uint8Array, frames: number): boolean {
    return this.#add(blocks, frames, END_BYTES);
  }

  /** Adds the blocks that end it. */
  end(blocks: Uint8Array): void {
    if (this.isEnded) return;
    this.#add(blocks, 0, 0);
    Atomics.store(this.#words, ENDED, 1);
  }

  /** A copy. */
  slice(from: number, to: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(to - from);
    copy.set(this.#bytes.subarray(from, to));
    return copy;
  }

  #add(blocks: Uint8Array, frames: number, free: number): boolean {
    const at = this.written;
    if (at + blocks.length + free > this.#bytes.length) return false;
    this.#bytes.set(blocks, at);
    this.#words[FRAMES] = this.#words[FRAMES]! + frames;
    Atomics.store(this.#words, WRITTEN, at + blocks.length);
    return true;
  }
}

const encoder = new TextEncoder();

/** The body of a block with JSON in it, padded with spaces. */
export function jsonNote(note: number, value: object): Int32Array {
  const text = encoder.encode(JSON.stringify(value));
  const body = new Int32Array(1 + Math.ceil(text.length / 4));
  const bytes = new Uint8Array(body.buffer);
  bytes.fill(0x20, 4);
  bytes.set(text, 4);
  body[0] = note;
  return body;
}

/** The blocks that end a section. */
export function endBlocks(end: RecordingEnd): Uint8Array {
  return blockOf(jsonNote(Note.END, end));
}

/** A block that says nothing. */
export function pauseBlocks(): Uint8Array<ArrayBuffer> {
  return blockOf(Int32Array.of(Note.PAUSE));
}

function blockOf(body: Int32Array): Uint8Array<ArrayBuffer> {
  const writer = new PcapngWriter();
  writer.local(RECORDING_BLOCK, body);
  return writer.take().slice();
}
