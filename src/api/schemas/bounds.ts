/** How much is captured or recorded, as HTTP takes it. */
import type { BoundLimits } from '../../control/bounds.ts';
import { integer } from './common.ts';

/** @param says what is to be known of the count and of the bytes beside their limits */
export function boundFields(limits: BoundLimits, says: { count: string; bytes: string; seconds: number }) {
  const { countMax, secondsMax, bytesMin, bytesDefault, bytesMax } = limits;
  return {
    count: integer(1, countMax)
      .nullable()
      .openapi({ description: `Frames after which it ends${says.count}; null (default): no limit.`, example: 1000 }),
    seconds: integer(1, secondsMax)
      .nullable()
      .openapi({
        description: `Seconds after which it ends, 1 to ${secondsMax}; null (default): no limit.`,
        example: says.seconds,
      }),
    maxBytes: integer(bytesMin, bytesMax).openapi({
      description: `Bytes of pcapng after which it ends, ${bytesMin} to ${bytesMax}${says.bytes}; ${bytesDefault} by default.`,
      example: bytesDefault,
    }),
  };
}
