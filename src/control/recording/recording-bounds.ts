/** How much a recording takes. */
import type { BoundLimits } from '../bounds.ts';

export const RECORDING_LIMITS: BoundLimits = {
  countMax: 1_000_000_000,
  secondsMax: 86_400,
  // A configuration and the tables of a few hundred hosts fit many times.
  bytesMin: 1024 * 1024,
  bytesDefault: 64 * 1024 * 1024,
  // It is in the daemon's memory as long as it runs.
  bytesMax: 1024 * 1024 * 1024,
};
