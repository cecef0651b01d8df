/** What a request for a recording means: defaults filled in, limits kept. Pure. */
import { TswitchError } from '../errors.ts';
import type { RecordingRequest } from '../model.ts';

/** A configuration and the tables of a few hundred hosts fit many times. */
export const RECORDING_BYTES_MIN = 1024 * 1024;
export const RECORDING_BYTES_DEFAULT = 64 * 1024 * 1024;
/** It is in the daemon's memory as long as it runs. */
export const RECORDING_BYTES_MAX = 1024 * 1024 * 1024;
export const RECORDING_COUNT_MAX = 1_000_000_000;
export const RECORDING_SECONDS_MAX = 86_400;

/** @throws TswitchError BAD_REQUEST */
export function recordingWish(request: RecordingRequest): Required<RecordingRequest> {
  const { count = null, seconds = null, maxBytes = RECORDING_BYTES_DEFAULT } = request;
  if (count !== null) within('count', count, 1, RECORDING_COUNT_MAX);
  if (seconds !== null) within('seconds', seconds, 1, RECORDING_SECONDS_MAX);
  within('maxBytes', maxBytes, RECORDING_BYTES_MIN, RECORDING_BYTES_MAX);
  return { count, seconds, maxBytes };
}

function within(field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new TswitchError('BAD_REQUEST', `${field}: must be a whole number from ${min} to ${max}`);
}
