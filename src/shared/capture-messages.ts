/** What the control plane and the capture thread tell each other. Counts they share as memory (SinkCounts). */
import { SINKS_MAX } from './capture-ring.ts';

/** What the thread is started with. */
export interface CaptureThreadStart {
  /** One per worker. */
  rings: SharedArrayBuffer[];
  counts: SharedArrayBuffer;
  /** What the records' clock showed when Date.now() was 0, in milliseconds. */
  clockAtEpochMs: number;
  /** For the files: who wrote them. */
  version: string;
}

/** A port that is there, by its number among all that ever were. */
export interface CapturePort {
  port: number;
  handle: number;
  name: string;
}

/** Where a section goes: a file that is rotated when it has so many bytes, or a stream to the control plane. */
export type OutputPlace = { file: string; bytesMax: number } | { file: null };

export interface SinkStart {
  sink: number;
  output: number;
  snapLength: number;
  /** Ports for which there is an interface from the start; others get one with their first frame. */
  ports: number[];
  /** Frames and bytes of output after which it ends; Infinity: none. */
  framesMax: number;
  bytesMax: number;
}

export type CaptureCommand =
  /** The ports there are from now on. */
  | { do: 'ports'; ports: CapturePort[] }
  /** Answered by `opened`. */
  | { do: 'open'; output: number; place: OutputPlace }
  /** Answered by `started`: what is recorded for the sink from then on is written. */
  | { do: 'start'; sink: SinkStart }
  /** Answered by `ended`, after everything recorded until now is written. */
  | { do: 'end'; sink: number }
  /** Finishes the section. Answered by `closed`. */
  | { do: 'close'; output: number }
  /** So many bytes of a stream have been taken. */
  | { do: 'taken'; output: number; bytes: number };

export type CaptureReport =
  | { told: 'opened'; output: number; problem: FileProblem | null }
  | { told: 'started'; sink: number }
  | { told: 'chunk'; output: number; bytes: Uint8Array<ArrayBuffer> }
  /** It has got what it wanted, or was told to end. */
  | { told: 'ended'; sink: number; because: 'frames' | 'bytes' | 'asked' }
  | { told: 'closed'; output: number }
  /** Nothing more can be written; what comes is counted as missed. */
  | { told: 'failed'; output: number; problem: FileProblem };

export interface FileProblem {
  /** As Node names it, such as ENOSPC; null: the file is there, and no capture of tswitch's. */
  code: string | null;
  message: string;
}

const FRAMES = 0;
const BYTES = 1;
const MISSED = 2;
const FIELDS = 4;

/** What each sink has got; written by the capture thread. */
export class SinkCounts {
  readonly #counts: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#counts = new Float64Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(SINKS_MAX * FIELDS * 8);
  }

  write(sink: number, frames: number, bytes: number, missed: number): void {
    const at = sink * FIELDS;
    this.#counts[at + FRAMES] = frames;
    this.#counts[at + BYTES] = bytes;
    this.#counts[at + MISSED] = missed;
  }

  /** `bytes` of output. */
  read(sink: number): { frames: number; bytes: number; missed: number } {
    const at = sink * FIELDS;
    const { [at + FRAMES]: frames = 0, [at + BYTES]: bytes = 0, [at + MISSED]: missed = 0 } = this.#counts;
    return { frames, bytes, missed };
  }
}
