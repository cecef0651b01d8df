/** What a request for a capture means: defaults filled in, the filter understood. Pure. */
import type { Filter } from '../../frame/filter.ts';
import { SUPER_FRAME_BYTES_MAX, VID_MAX, VID_MIN } from '../../limits.ts';
import { type BoundLimits, boundsOf, within } from '../bounds.ts';
import { TswitchError } from '../errors.ts';
import type { Bounds, CaptureDirection, CaptureRequest } from '../model.ts';
import { parseFilter } from './filter-text.ts';

/** Enough for the headers of any frame. */
export const SNAPLEN_MIN = 64;
/** The longest frame there is, whole. */
export const SNAPLEN_MAX = SUPER_FRAME_BYTES_MAX;
/** Frames of the usual MTU whole. Whole super-frames, gigabytes a second, would leave no room for anything else. */
export const SNAPLEN_DEFAULT = 2048;
export const CAPTURE_LIMITS: BoundLimits = {
  countMax: 2 ** 40,
  secondsMax: 7 * 86_400,
  bytesMin: 4096,
  bytesDefault: 2 ** 30,
  bytesMax: 2 ** 40,
};

export interface CaptureWish extends Required<Bounds> {
  /** Empty: all. */
  ports: string[];
  vlans: number[];
  direction: CaptureDirection;
  drops: boolean;
  filter: Filter | null;
  filterText: string | null;
  snaplen: number;
}

/** @throws TswitchError BAD_REQUEST */
export function captureWish(request: CaptureRequest): CaptureWish {
  const { ports = [], vlans = [], drops = false, filter = null, direction = 'both' } = request;
  if (drops && request.direction !== undefined && direction !== 'both') {
    const text = 'direction: with drops, frames are shown wherever they were dropped; leave it out';
    throw new TswitchError('BAD_REQUEST', text);
  }
  for (const vlan of vlans) within('vlans', vlan, VID_MIN, VID_MAX);
  const { snaplen = SNAPLEN_DEFAULT } = request;
  within('snaplen', snaplen, SNAPLEN_MIN, SNAPLEN_MAX);
  return {
    ports: [...new Set(ports)],
    vlans: [...new Set(vlans)].toSorted((a, b) => a - b),
    direction,
    drops,
    filter: filter === null ? null : parseFilter(filter),
    filterText: filter,
    snaplen,
    ...boundsOf(request, CAPTURE_LIMITS),
  };
}
