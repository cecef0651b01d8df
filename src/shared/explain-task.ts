/** What the explaining thread is given, and what it answers: copies and numbers, nothing live but the FDB to copy. */
import type { PortConfig } from './commands.ts';
import type { LogicLoad } from './logic-load.ts';

export interface ExplainTask {
  ports: { handle: number; name: string; config: PortConfig }[];
  ingress: number;
  frame: Uint8Array;
  forwardReserved: readonly boolean[];
  /** The loaded logics, in the order they are asked. */
  logics: readonly LogicLoad[];
  fdb: SharedArrayBuffer;
  /** Of the live ports (see board.ts). */
  probeTokens: Uint8Array;
  /** FDB ticks. */
  now: number;
}

export interface ExplainedEgress {
  port: string;
  /** As it would be sent. */
  frame: Uint8Array | null;
  /** Drop reason, if it is not sent and there is one. */
  reason: string | null;
  text: string;
}

export interface Explanation {
  outcome: 'forwarded' | 'flooded' | 'dropped';
  reason: string | null;
  vlan: number | null;
  stages: { stage: 'admit' | 'vlan' | 'logic' | 'source' | 'destination' | 'egress'; verdict: string; text: string }[];
  egress: ExplainedEgress[];
}
