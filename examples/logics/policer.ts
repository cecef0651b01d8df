/**
 * A policer: each source address may send so many bytes per second, and a burst (a token bucket as in RFC 2697, with one rate and
 * one colour). The buckets are shared by all workers.
 */
import { DEFER, defineLogic, keyed } from 'tswitch/logic';

export default defineLogic({
  name: 'policer',
  description: 'limits what each source address may send, in bytes per second',
  params: (z) =>
    z.object({
      kilobytesPerSecond: z.int().min(1).max(1_000_000).default(10_000).describe('1,000 bytes per second and address'),
      burstKilobytes: z.int().min(2).max(1_000_000).default(1000).describe('1,000 bytes that may come at once'),
    }),
  drops: { OVER_RATE: "more than its source address's share" },
  counters: { unpoliced: 'frames let through because the table was full or busy' },
  tables: { buckets: keyed({ rows: 16_384, columns: ['bytesLeft', 'filledMs'], carried: true }) },
  tickMs: 60_000,
  create: ({ params, tables: { buckets }, clock, drop, counters, worker }) => {
    const { bytesLeft, filledMs } = buckets.column;
    const bytesPerMs = params.kilobytesPerSecond;
    const burst = params.burstKilobytes * 1000;
    return {
      frame: (frame) => {
        const nowMs = Math.floor(clock.ms) | 0;
        let row = buckets.find(frame.sourceHigh, frame.sourceLow);
        if (row < 0) {
          row = buckets.insert(frame.sourceHigh, frame.sourceLow);
          if (row < 0) {
            counters.unpoliced.add();
            return DEFER;
          }
          bytesLeft[row] = burst;
          filledMs[row] = nowMs;
        }
        const elapsed = nowMs - filledMs[row]!;
        if (elapsed > 0) {
          filledMs[row] = nowMs;
          bytesLeft[row] = Math.min(burst, bytesLeft[row]! + Math.min(elapsed, 1_000_000) * bytesPerMs);
        }
        // A super-frame is as many bytes as it is.
        if (bytesLeft[row]! < frame.length) return drop.OVER_RATE;
        Atomics.sub(bytesLeft, row, frame.length);
        return DEFER;
      },
      // Whose bucket has been full for a minute has nothing to be remembered.
      tick: () => {
        if (worker !== 0) return;
        const before = (Math.floor(clock.ms) | 0) - 60_000;
        for (let row = buckets.next(0); row >= 0; row = buckets.next(row + 1)) {
          if (filledMs[row]! < before) buckets.remove(row);
        }
      },
    };
  },
});
