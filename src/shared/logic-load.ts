/** A loaded logic as workers are told of it, and what they tell of one; plain data and shared memory. */

export interface LogicMemory {
  /** A row per worker, see switching/logic-counters.ts. */
  counters: SharedArrayBuffer;
  /** By the tables' names. */
  tables: Record<string, SharedArrayBuffer>;
}

/** Which frames a logic is asked for, by where they enter. */
export interface LogicScope {
  /** Names of ports; empty: all. */
  ports: readonly string[];
  /** VIDs; empty: all. */
  vlans: readonly number[];
}

export interface LogicLoad {
  /** Tells every load from every other, as long as the daemon runs. */
  id: number;
  name: string;
  /** The copy of the file that was checked; and the file itself, for messages and what it imports. */
  module: string;
  file: string;
  /** Moves with the parameters. */
  revision: number;
  /** As the schema gave them. */
  params: unknown;
  scope: LogicScope;
  memory: LogicMemory;
  isShadow: boolean;
  seed: number;
}

export type LogicFaultKind = 'load' | 'throw' | 'verdict' | 'frame' | 'overrun' | 'memory';

export interface LogicFault {
  kind: LogicFaultKind;
  message: string;
  stack: string | null;
  /** Handle of the port that the frame, or the batch, came from; -1: none. */
  ingress: number;
  /** First bytes of the frame that was looked at, if one was. */
  frame: Uint8Array | null;
}

/** Where what a shadow would do with a frame differs from what is done. */
export interface LogicDifference {
  ingress: number;
  vlan: number;
  frame: Uint8Array;
  length: number;
  /** In words; ports as `#handle`. */
  live: string;
  shadow: string;
  /** Where the bytes that would be sent differ, from place `at` of the frame on; null: nowhere, or one of both sends none. */
  bytes: { at: number; live: Uint8Array; shadow: Uint8Array } | null;
}

export type LogicReport =
  { logic: number; fault: LogicFault; isSuspended: boolean } | { logic: number; difference: LogicDifference };
