/**
 * Storm control with evidence: each source address may send so many group frames (broadcasts and multicasts) per second; what is
 * more is dropped, and one frame in a hundred of it is mirrored to a port where somebody looks. So a storm is kept small, and
 * who made it is known.
 */
import { DEFER, defineLogic, keyed } from 'tswitch/logic';

const EVIDENCE_ONE_IN = 100;

export default defineLogic({
  name: 'storm-evidence',
  description: 'limits group frames by source address, and mirrors some of what is too much',
  params: (z) =>
    z.object({
      framesPerSecond: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(100)
        .describe('group frames per second and source address'),
      evidencePort: z.string().default('').describe('port that evidence is mirrored to; empty: none'),
    }),
  drops: { STORM: "more group frames than its source address's share" },
  counters: { evidence: 'frames mirrored as evidence', offenders: 'times that an address began to send too many' },
  tables: { sources: keyed({ rows: 16_384, columns: ['second', 'frames'] }) },
  tickMs: 10_000,
  create: ({ params, ports, tables: { sources }, clock, drop, counters, worker }) => {
    const { second: seconds, frames } = sources.column;
    const evidence = ports.handleOf(params.evidencePort);
    return {
      frame: (frame) => {
        if (!frame.isGroup) return DEFER;
        const row = sources.insert(frame.sourceHigh, frame.sourceLow);
        // The table is full, or another worker changes it: rather one too many than one too few.
        if (row < 0) return DEFER;
        const second = Math.floor(clock.ms / 1000);
        if (seconds[row] !== second) {
          seconds[row] = second;
          frames[row] = 0;
        }
        const count = Atomics.add(frames, row, 1) + 1;
        if (count <= params.framesPerSecond) return DEFER;
        const over = count - params.framesPerSecond;
        if (over === 1) counters.offenders.add();
        if (over % EVIDENCE_ONE_IN === 1 && evidence >= 0 && frame.mirrorTo(evidence)) counters.evidence.add();
        return drop.STORM;
      },
      tick: () => {
        if (worker !== 0) return;
        const before = Math.floor(clock.ms / 1000) - 10;
        for (let row = sources.next(0); row >= 0; row = sources.next(row + 1)) {
          if (seconds[row]! < before) sources.remove(row);
        }
      },
    };
  },
});
