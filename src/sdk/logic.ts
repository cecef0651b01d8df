/**
 * `tswitch/logic`: what a file with switching logic imports. It is all that the built-in one (switching/logics/learning.ts)
 * uses, so whatever that does, another can.
 */
export type { Batch } from '../frame/batch.ts';
export * as ethernet from '../frame/ethernet.ts';
export * as ip from '../frame/ip.ts';
export { Drop } from '../switching/drop-reasons.ts';
export { type Fdb, keyHigh, keyLow, TICKS_PER_SECOND } from '../switching/fdb.ts';
export { innerKey } from '../switching/inner-tag.ts';
export { Learner } from '../switching/learner.ts';
export {
  defineLogic,
  type LogicContext,
  type LogicDefinition,
  type LogicInstance,
  type LogicSender,
  type LogicSetup,
} from '../switching/logic.ts';
export type { LogicClock, LogicRandom } from '../switching/logic-clock.ts';
export type { LogicCounter } from '../switching/logic-counters.ts';
export type { Frame } from '../switching/logic-frame.ts';
export { keyed, type KeyedTable, ownTable, type RowTable, rows } from '../switching/logic-tables.ts';
export { ipv4, ipv4Text, macHigh, macLow, macText } from '../switching/logic-text.ts';
export { type PortTable, SET_UP } from '../switching/port-table.ts';
export type { Reach } from '../switching/reach.ts';
/** Verdicts: leave the frame to whom is asked next, in the end to `learning`; send it to all ports of its VLAN; drop it. */
export { drop, FLOOD, UNDECIDED, UNDECIDED as DEFER } from '../switching/verdict.ts';
