/** What a request for a capture means: defaults filled in, the filter understood. Pure. */
import type { Filter } from '../../frame/filter.ts';
import { SUPER_FRAME_BYTES_MAX, VID_MAX, VID_MIN } from '../../limits.ts';
import { TswitchError } from '../errors.ts';
import type { CaptureDirection, CaptureRequest } from '../model.ts';
import { parseFilter } from './filter-text.ts';

/** Enough for the headers of any frame. */
export const SNAPLEN_MIN = 64;
/** The longest frame there is, whole. */
export const SNAPLEN_MAX = SUPER_FRAME_BYTES_MAX;
/** Frames of the usual MTU whole. Whole super-frames, gigabytes a second, would leave no room for anything else. */
export const SNAPLEN_DEFAULT = 2048;
export const CAPTURE_BYTES_MIN = 4096;
export const CAPTURE_BYTES_DEFAULT = 2 ** 30;
export const CAPTURE_BYTES_MAX = 2 ** 40;
export const CAPTURE_COUNT_MAX = 2 ** 40;
export const CAPTURE_SECONDS_MAX = 7 * 86_400;

export interface CaptureWish {
  /** Empty: all. */
  ports: string[];
  vlans: number[];
  direction: CaptureDirection;
  drops: boolean;
  filter: Filter | null;
  filterText: string | null;
  snaplen: number;
  count: number | null;
  seconds: number | null;
  maxBytes: number;
}

/** @throws TswitchError BAD_REQUEST */
export function captureWish(request: CaptureRequest): CaptureWish {
  const { ports = [], vlans = [], drops = false, filter = null, direction = 'both' } = request;
  if (drops && request.direction !== undefined && direction !== 'both') {
    refuse('direction: with drops, frames are shown wherever they were dropped; leave it out');
  }
  for (const vlan of vlans) within('vlans', vlan, VID_MIN, VID_MAX);
  const { snaplen = SNAPLEN_DEFAULT, count = null, seconds = null, maxBytes = CAPTURE_BYTES_DEFAULT } = request;
  within('snaplen', snaplen, SNAPLEN_MIN, SNAPLEN_MAX);
  if (count !== null) within('count', count, 1, CAPTURE_COUNT_MAX);
  if (seconds !== null) within('seconds', seconds, 1, CAPTURE_SECONDS_MAX);
  within('maxBytes', maxBytes, CAPTURE_BYTES_MIN, CAPTURE_BYTES_MAX);
  return {
    ports: [...new Set(ports)],
    vlans: [...new Set(vlans)].toSorted((a, b) => a - b),
    direction,
    drops,
    filter: filter === null ? null : parseFilter(filter),
    filterText: filter,
    snaplen,
    count,
    seconds,
    maxBytes,
  };
}

function within(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    refuse(`${field}: must be a whole number from ${min} to ${max}`);
  }
}

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}
