/**
 * The built-in logic: a learning bridge with independent learning per VLAN (IEEE 802.1Q-2022, 8.7 and 8.8). Group and
 * unknown destinations are flooded; a known one gets the frame if VLAN, isolation and the port's state allow it.
 */
import type { Batch } from '../../frame/batch.ts';
import { DESTINATION, etherType, GROUP_BIT, SOURCE } from '../../frame/ethernet.ts';
import { isTagTpid } from '../../frame/vlan.ts';
import { Drop } from '../drop-reasons.ts';
import { keyHigh, keyLow } from '../fdb.ts';
import type { Logic, LogicContext } from '../logic.ts';
import { SET_ACCESS, SET_ISOLATED, SET_UP } from '../port-table.ts';
import { drop, FLOOD, UNDECIDED } from '../verdict.ts';

export function learning(context: LogicContext): Logic {
  const { ports, fdb } = context;

  /** Whether a known destination's port may get the frame: the port's handle, or a drop verdict. */
  function towards(batch: Batch, i: number, egress: number): number {
    const ingress = batch.ingress;
    if (egress === ingress) return drop(Drop.HAIRPIN);
    if (!ports.carries(egress, batch.vlan[i]!)) return drop(Drop.EGRESS_NOT_A_MEMBER);
    if (!ports.isIn(SET_UP, egress)) return drop(Drop.EGRESS_DOWN);
    if (ports.isIn(SET_ISOLATED, ingress) && ports.isIn(SET_ISOLATED, egress)) return drop(Drop.ISOLATED);
    if (ports.isIn(SET_ACCESS, egress) && isTagTpid(etherType(batch.bytes, batch.offset[i]!))) {
      return drop(Drop.INNER_TAG);
    }
    return egress;
  }

  return {
    decide(batch, now) {
      const { bytes, offset, vlan, verdict, count, ingress } = batch;
      const learns = ports.learning[ingress] === 1;
      for (let i = 0; i < count; i++) {
        if (verdict[i] !== UNDECIDED) continue;
        const frame = offset[i]!;
        const vid = vlan[i]!;
        if (learns) fdb.learn(keyHigh(bytes, frame + SOURCE, vid), keyLow(bytes, frame + SOURCE), ingress, now);
        if (bytes[frame + DESTINATION]! & GROUP_BIT) {
          verdict[i] = FLOOD;
          continue;
        }
        const known = fdb.lookup(keyHigh(bytes, frame + DESTINATION, vid), keyLow(bytes, frame + DESTINATION), now);
        verdict[i] = known < 0 ? FLOOD : towards(batch, i, known);
      }
    },
  };
}
