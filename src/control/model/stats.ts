/** What is counted, and the last frames dropped. */
import type { LogicStats } from '../logic/model.ts';
import type { PortStats } from './port.ts';

export interface WorkerView {
  worker: number;
  state: 'running' | 'asleep' | 'hung';
  restarts: number;
  /** Turns of the loop that moved at least one frame. */
  turns: number;
}

export interface StatsView {
  totals: {
    rx: number;
    forwarded: number;
    flooded: number;
    floodCopies: number;
    dropped: number;
    tx: number;
    txDropped: number;
  };
  ports: Record<string, PortStats>;
  drops: Record<string, number>;
  /** Of the live loaded logics, by name. */
  logics: Record<string, LogicStats>;
  workers: WorkerView[];
}

/** The last frames dropped for one reason, decoded. */
export interface DropSample {
  time: string;
  /** Ingress port for what was dropped on arrival, egress port else. */
  port: string;
  /** Bytes of the frame, its outer tag included. */
  length: number;
  /** Its first bytes, in hex, the outer tag put back where it was. */
  bytes: string;
  /** In words, like `02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, 802.1Q vlan 10 p 5, ARP who-has 10.0.0.2 tell 10.0.0.1`. */
  summary: string;
}

export interface DropView {
  reason: string;
  sentence: string;
  count: number;
  /** Newest last, a handful. */
  samples: DropSample[];
}
