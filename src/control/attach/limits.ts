/** Limits of a port in force: each direction has a queue of the kernel's of its own, and both change, or none does. */
import type { RateLimits } from '../model.ts';
import type { TokenBucket } from '../plumbing/token-bucket.ts';
import { bucketOf, type Direction, DIRECTIONS } from '../rate-limits.ts';

/** Puts a direction's limit into force; null takes it off. A direction that the kind of port cannot limit has none. */
export type Limiters = Partial<Record<Direction, (bucket: TokenBucket | null) => Promise<void>>>;

/**
 * What an attachment's setLimits is. Limits that are in force already are put there anew: the namespace may have taken its own off.
 *
 * @param limits in force
 */
export function limitsSetter(limits: RateLimits, limiters: Limiters): (wanted: RateLimits) => Promise<void> {
  let present = limits;
  return async (wanted) => {
    const before = present;
    const done: Direction[] = [];
    try {
      for (const direction of DIRECTIONS) {
        const bucket = bucketOf(wanted, direction);
        if (bucket === null && bucketOf(before, direction) === null) continue;
        await limiters[direction]?.(bucket);
        done.push(direction);
      }
      present = wanted;
    } catch (error) {
      for (const direction of done) await limiters[direction]?.(bucketOf(before, direction)).catch(() => undefined);
      throw error;
    }
  };
}
