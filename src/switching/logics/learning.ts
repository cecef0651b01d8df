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
import { defineLogic, type LogicContext, type LogicInstance } from '../logic.ts';
import * as verdicts from '../verdict.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { DESTINATION, GROUP_BIT, SOURCE } = ethernet;
const { BATCH_FRAMES_MAX } = limits;
const { FLOOD, UNDECIDED } = verdicts;

export const learning = defineLogic({
  name: 'learning',
  description: 'a learning bridge: a known address gets its frames, all else is flooded within the VLAN',
  create: learn,
});

function learn(context: LogicContext): LogicInstance & { decide(batch: Batch, now: number): void } {
  const { ports, reach, fdb } = context;
  const learner = new Learner(context);
  /** The frames whose destination was found. */
  const found = new Uint16Array(BATCH_FRAMES_MAX);

  /** Where what `fetch` loaded is put, or the engine would leave the loads out. */
  const fetched = new Int32Array(1);

  /** Loads what the batch's look-ups are going to need, all of it at once: so the waits for memory overlap. */
  function fetch({ bytes, offset, vlan, verdict, count }: Batch): void {
    let lastLow = 0;
    let lastToLow = 0;
    let words = 0;
    for (let i = 0; i < count; i++) {
      if (verdict[i] !== UNDECIDED) continue;
      const vid = vlan[i]!;
      const from = offset[i]! + SOURCE;
      const to = offset[i]! + DESTINATION;
      const low = keyLow(bytes, from);
      const toLow = keyLow(bytes, to);
      // A train of frames with the same addresses; what only looks like one waits a little.
      if (low === lastLow && toLow === lastToLow) continue;
      lastLow = low;
      lastToLow = toLow;
      words ^= fdb.fetch(keyHigh(bytes, from, vid), low) ^ fdb.fetch(keyHigh(bytes, to, vid), toLow);
    }
    fetched[0] = words;
  }

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
      if (fdb.isLarge) fetch(batch);
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
