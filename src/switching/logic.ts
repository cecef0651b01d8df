/** The face of switching logic: what turns classified frames into verdicts. `logics/` holds one file for each. */
import type { Batch } from '../frame/batch.ts';
import type { Happenings } from '../shared/happenings.ts';
import type { Fdb } from './fdb.ts';
import type { PortTable } from './port-table.ts';
import type { Reach } from './reach.ts';

/** What a logic sees of the switch. */
export interface LogicContext {
  readonly ports: PortTable;
  /** Ready for the batch that is to be decided. */
  readonly reach: Reach;
  readonly fdb: Fdb;
  readonly happenings: Happenings;
}

export interface Logic {
  /**
   * Gives every frame whose verdict is UNDECIDED one. Frames are admitted and classified; `now` is in FDB ticks.
   * Must not allocate, wait or throw.
   */
  decide(batch: Batch, now: number): void;
}

export type LogicFactory = (context: LogicContext) => Logic;
