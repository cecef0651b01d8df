/** How much a capture or a recording may ask for before it ends by itself: defaults filled in, limits kept. Pure. */
import { TswitchError } from './errors.ts';
import type { Bounds } from './model.ts';

export interface BoundLimits {
  countMax: number;
  secondsMax: number;
  bytesMin: number;
  bytesDefault: number;
  bytesMax: number;
}

/** @throws TswitchError BAD_REQUEST */
export function boundsOf(request: Bounds, limits: BoundLimits): Required<Bounds> {
  const { count = null, seconds = null, maxBytes = limits.bytesDefault } = request;
  if (count !== null) within('count', count, 1, limits.countMax);
  if (seconds !== null) within('seconds', seconds, 1, limits.secondsMax);
  within('maxBytes', maxBytes, limits.bytesMin, limits.bytesMax);
  return { count, seconds, maxBytes };
}

/** @throws TswitchError BAD_REQUEST */
export function within(field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new TswitchError('BAD_REQUEST', `${field}: must be a whole number from ${min} to ${max}`);
}
