/** What a replay says, and what it is asked; plain data. */

/** One of the two that are compared, at the first frame where they differ. */
export interface ReplaySide {
  /** `recorded`, `replayed`, or the name of the logic that was run. */
  name: string;
  /** In words; null: it is no frame that came in, but what a logic sent of its own. */
  verdict: string | null;
  vlan: number | null;
  /** Name of the logic that decided; `learning` is the built-in one. */
  by: string | null;
  /** How many frames left by each port, and a digest of their bytes. */
  sent: { port: string; frames: number; digest: string }[];
}

export interface ReplayDifference {
  worker: number;
  /** Its number among the frames of its worker, from 1; null as with `verdict`. */
  frame: number | null;
  /** Since the first frame. */
  seconds: number;
  port: string | null;
  /** As it came in, in hex, without its outer tag where that lay beside it; no more than its beginning. */
  bytes: string | null;
  length: number;
  sides: [ReplaySide, ReplaySide];
}

export interface ReplayReport {
  /** Of tswitch, that recorded it. */
  version: string;
  /** Each recorded a part of its own. */
  workers: number;
  started: string;
  /** Why the recording ended; null: it breaks off. */
  reason: string | null;
  frames: number;
  batches: number;
  seconds: number;
  isSame: boolean;
  /** Frames of which something else became. */
  different: number;
  /** Frames that are not compared: somebody else changed the FDB at the very moment when they were decided. */
  disturbed: number;
  /** Frames by verdict. */
  sides: { name: string; verdicts: Record<string, number> }[];
  /** Of the second side. */
  ports: { port: string; received: number; sent: number; drops: Record<string, number> }[];
  /** What went wrong in logics that were run. */
  faults: string[];
  difference: ReplayDifference | null;
}

/** A logic to run: its file, and the copy that is loaded. */
export interface ReplayLogicFile {
  module: string;
  file: string;
}

export interface ReplayTask {
  /** Path of the recording. */
  recording: string;
  logic: ReplayLogicFile | null;
  against: ReplayLogicFile | null;
  /** For `logic` and `against`; null: those of the recorded one whose place it takes, or the schema's own. */
  params: object | null;
  /** An empty folder of one's own, for the sources of recorded logics. */
  folder: string;
  /** One word: the batches that were run. */
  progress: Int32Array;
}

export type ReplayResult = { report: ReplayReport } | { error: string };
