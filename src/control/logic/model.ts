/** Loaded logics as API and command line see them. */
import type { LogicFaultKind } from '../../shared/logic-load.ts';

/** How the file of a logic may be called. */
export const LOGIC_FILE_ENDINGS = ['.ts', '.mts', '.js', '.mjs'] as const;

/** Which frames a logic is asked for, by where they enter. */
export interface LogicScopeView {
  /** Names of ports; empty: all. */
  ports: string[];
  vlans: number[];
}

export interface LogicRequest extends Partial<LogicScopeView> {
  /** Absolute path, as the daemon sees it. */
  file: string;
  params?: Record<string, unknown>;
  shadow?: boolean;
}

export interface LogicPatch extends Partial<LogicScopeView> {
  /** Those that are left out stay. */
  params?: Record<string, unknown>;
  /** The one in shadow is meant, where there are both. */
  shadow?: boolean;
}

export interface LogicFaultView {
  time: string;
  kind: LogicFaultKind;
  message: string;
  stack: string | null;
  /** Where the frame came from; null: none was looked at. */
  port: string | null;
  /** Its first bytes, in hex. */
  frame: string | null;
}

export interface LogicVersionView {
  /** Tells it from every other load of this run of the daemon. */
  id: number;
  file: string;
  /** SHA-256 of the file as it was checked, in hex. */
  sha256: string;
  loadedAt: string;
  description: string;
  style: 'batch' | 'frame';
  params: Record<string, unknown>;
  /** JSON Schema of the parameters; null: it takes none. */
  paramsSchema: Record<string, unknown> | null;
  /** Frames it was asked for; those it decided; frames and copies it sent beside. */
  frames: number;
  decided: number;
  sent: number;
  copies: number;
  refused: number;
  faults: number;
  microseconds: number;
  /** For so long the slowest worker took no frames when it took this version up. */
  exchangeMicroseconds: number;
  drops: { reason: string; sentence: string; count: number }[];
  counters: { name: string; sentence: string; count: number }[];
  lastFaults: LogicFaultView[];
}

/** What a live logic has counted. */
export interface LogicStats extends Pick<LogicVersionView, 'frames' | 'decided' | 'sent' | 'copies' | 'faults'> {
  /** Its own drop reasons and counters, by name. */
  drops: Record<string, number>;
  counters: Record<string, number>;
}

export interface LogicView extends LogicScopeView {
  name: string;
  live: LogicVersionView | null;
  shadow: LogicVersionView | null;
  /** What `rollback` brings back; null: nothing. */
  previous: LogicVersionView | null;
  /** What is wished and not in force: kept from an earlier life of the daemon, and not loaded yet, or not loadable any more. */
  missing: MissingLogicView[];
}

export interface MissingLogicView {
  state: LogicState;
  file: string;
  /** Why; null: it is being loaded. */
  reason: string | null;
}

export type LogicState = 'live' | 'shadow';

export interface LogicDiffView {
  name: string;
  compared: number;
  different: number;
  /** Newest last. */
  samples: {
    time: string;
    port: string;
    vlan: number;
    length: number;
    frame: string;
    summary: string;
    live: string;
    shadow: string;
    /** Where the bytes that would be sent differ, in hex, from this place of the frame on; null: they are the same. */
    bytes: { at: number; live: string; shadow: string } | null;
  }[];
}

export interface LogicControl {
  list(): LogicView[];
  show(name: string): LogicView;
  /** Checks the file and asks it from now on. A live one of its name makes room, and is kept for `rollback`. */
  load(request: LogicRequest): Promise<LogicView>;
  change(name: string, patch: LogicPatch): Promise<LogicView>;
  /** Makes the one in shadow live, in all workers between two batches. */
  promote(name: string): Promise<LogicView>;
  rollback(name: string): Promise<LogicView>;
  unload(name: string, shadowOnly: boolean): Promise<void>;
  diff(name: string): LogicDiffView;
}
