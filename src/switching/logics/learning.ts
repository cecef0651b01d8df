/**
 * The built-in logic: a learning bridge with independent learning per VLAN (IEEE 802.1Q-2022, 8.7 and 8.8). Group and
 * unknown destinations are flooded; a known one gets the frame if VLAN, isolation and the port's state allow it.
 *
 * Frames come in trains, so what was found for a frame is used for the next one of the batch with the same addresses.
 */
import type { Batch } from '../../frame/batch.ts';
import * as ethernet from '../../frame/ethernet.ts';
import * as limits from '../../limits.ts';
import { keyHigh, keyLow } from '../fdb.ts';
import { innerKey } from '../inner-tag.ts';
import { Learner } from '../learner.ts';
import type { Logic, LogicContext } from '../logic.ts';
import * as verdicts from '../verdict.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { DESTINATION, GROUP_BIT, SOURCE } = ethernet;
const { BATCH_FRAMES_MAX } = limits;
const { FLOOD, UNDECIDED } = verdicts;

export function learning(context: LogicContext): Logic {
  const { ports, reach, fdb } = context;
  const learner = new Learner(context);
  /** The frames whose destination was found. */
  const found = new Uint16Array(BATCH_FRAMES_MAX);

  /** Somebody else changed the table while the batch was decided, so each look-up that found something is made sure of. */
  function findAgain(batch: Batch, count: number, now: number): void {
    const { bytes, offset, vlan, verdict } = batch;
    for (let k = 0; k < count; k++) {
      const i = found[k]!;
      const to = offset[i]! + DESTINATION;
      const known = fdb.lookup(keyHigh(bytes, to, vlan[i]!), keyLow(bytes, to), now);
      verdict[i] = known < 0 ? FLOOD : reach.verdict(batch, i, innerKey(batch, i, reach.tunnelled), known);
    }
  }

  return {
    decide(batch, now) {
      const { bytes, offset, vlan, verdict, count, ingress } = batch;
      const learns = ports.learning[ingress] === 1;
      const { tunnelled } = reach;
      // No key's first word is 0, as no VLAN is.
      let sourceHigh = 0;
      let sourceLow = 0;
      let seen = UNDECIDED;
      let targetHigh = 0;
      let targetLow = 0;
      let targetInner = 0;
      let towards = UNDECIDED;
      let foundCount = 0;
      fdb.watch();
      for (let i = 0; i < count; i++) {
        if (verdict[i] !== UNDECIDED) continue;
        const frame = offset[i]!;
        const vid = vlan[i]!;
        const high = keyHigh(bytes, frame + SOURCE, vid);
        const low = keyLow(bytes, frame + SOURCE);
        if (high !== sourceHigh || low !== sourceLow) {
          sourceHigh = high;
          sourceLow = low;
          seen = learner.see(high, low, ingress, learns, now);
          // The source may be what the destination of the last frame was: it is known now.
          targetHigh = 0;
        }
        if (seen !== UNDECIDED) {
          verdict[i] = seen;
          continue;
        }
        if (bytes[frame + DESTINATION]! & GROUP_BIT) {
          verdict[i] = FLOOD;
          continue;
        }
        const toHigh = keyHigh(bytes, frame + DESTINATION, vid);
        const toLow = keyLow(bytes, frame + DESTINATION);
        const inner = innerKey(batch, i, tunnelled);
        if (toHigh !== targetHigh || toLow !== targetLow || inner !== targetInner) {
          targetHigh = toHigh;
          targetLow = toLow;
          targetInner = inner;
          const known = fdb.peek(toHigh, toLow, now);
          towards = known < 0 ? FLOOD : reach.verdict(batch, i, inner, known);
        }
        verdict[i] = towards;
        if (towards !== FLOOD) found[foundCount++] = i;
      }
      if (!fdb.isUndisturbed()) findAgain(batch, foundCount, now);
    },
  };
}
