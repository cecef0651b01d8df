/** Captures and recordings: what is asked for, and how far they are. */
import type { RecordingEndReason } from '../../shared/recording.ts';
import type { CaptureDirection } from './port.ts';

/** How much is captured or recorded before that ends by itself; what is left out has its default (control/bounds.ts). */
export interface Bounds {
  /** Frames. */
  count?: number | null;
  seconds?: number | null;
  /** Bytes of pcapng. */
  maxBytes?: number;
}

/** What is to be captured; what is left out has its default (control/capture/capture-request.ts). */
export interface CaptureRequest extends Bounds {
  /** Names; empty: all, also those that are added later. */
  ports?: string[];
  vlans?: number[];
  direction?: CaptureDirection;
  /** Dropped frames only, wherever they were dropped. */
  drops?: boolean;
  filter?: string | null;
  /** Bytes of each frame that are kept at most. */
  snaplen?: number;
}

export const CAPTURE_STATES = ['waiting', 'running', 'ended'] as const;
/** Why a capture ended. `reader`: who read it went away. */
export const CAPTURE_ENDS = ['stopped', 'count', 'seconds', 'size', 'reader', 'failed', 'daemon'] as const;
export type CaptureEnd = (typeof CAPTURE_ENDS)[number];

export interface CaptureView extends Required<CaptureRequest> {
  id: string;
  state: (typeof CAPTURE_STATES)[number];
  started: string | null;
  ended: string | null;
  reason: CaptureEnd | null;
  /** Frames and bytes of pcapng written, and frames that came faster than they were taken. */
  frames: number;
  bytes: number;
  missed: number;
}

/** Captures of frames, several at a time. */
export interface CaptureControl {
  /** One that waits for its reader. */
  add(request: CaptureRequest): CaptureView;
  list(): CaptureView[];
  show(id: string): CaptureView;
  /** Runs it, and gives its pcapng until it ends. Who stops reading ends it. */
  read(id: string): Promise<ReadableStream<Uint8Array>>;
  /** Ends one that runs; forgets one that does not. */
  stop(id: string): void;
}

export { RECORDING_ENDS } from '../../shared/recording.ts';

export interface RecordingView extends Required<Bounds> {
  id: string;
  state: (typeof CAPTURE_STATES)[number];
  /** Each records a section of its own. */
  workers: number;
  started: string | null;
  ended: string | null;
  reason: RecordingEndReason | null;
  frames: number;
  bytes: number;
}

/** Recordings of the workers' exact inputs, one at a time. */
export interface RecordingControl {
  /** One that waits for its reader. */
  add(request: Bounds): RecordingView;
  list(): RecordingView[];
  show(id: string): RecordingView;
  /** Runs it, and gives it until it ends. Who stops reading ends it. */
  read(id: string): Promise<ReadableStream<Uint8Array>>;
  /** Ends one that runs; forgets one that waits. */
  stop(id: string): Promise<void>;
}
