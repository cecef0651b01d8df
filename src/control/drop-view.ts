/** Dropped frames as users see them: how many for each reason, and the last ones. */
import { ADDRESSES_BYTES } from '../frame/ethernet.ts';
import { NO_TAG, TAG_BYTES, writeTag } from '../frame/vlan.ts';
import { DropSamples, type Sample, SAMPLES_PER_REASON } from '../shared/drop-samples.ts';
import { Drop, DROP_NAMES, DROP_SENTENCES } from '../switching/drop-reasons.ts';
import { TICKS_PER_SECOND } from '../switching/fdb.ts';
import { frameSummary } from './frame-summary.ts';
import type { DropSample, DropView } from './model.ts';

/**
 * @param counts by reason
 * @param now FDB ticks
 */
export function dropViews(
  counts: Record<string, number>,
  buffers: SharedArrayBuffer[],
  now: number,
  nameOf: (handle: number) => string,
): DropView[] {
  const workers = buffers.map((buffer) => new DropSamples(buffer));
  return DROP_NAMES.filter((reason) => (counts[reason] ?? 0) > 0).map((reason) => ({
    reason,
    sentence: DROP_SENTENCES[reason]!,
    count: counts[reason]!,
    samples: workers
      .flatMap((samples) => samples.read(Drop[reason]))
      .toSorted((a, b) => a.tick - b.tick || a.sequence - b.sequence)
      .slice(-SAMPLES_PER_REASON)
      .map((sample) => sampleView(sample, now, nameOf)),
  }));
}

function sampleView(sample: Sample, now: number, nameOf: (handle: number) => string): DropSample {
  const bytes = asOnTheWire(sample);
  const length = sample.length + (sample.tag === NO_TAG ? 0 : TAG_BYTES);
  const agoMs = ((now - sample.tick) * 1000) / TICKS_PER_SECOND;
  return {
    time: new Date(Date.now() - agoMs).toISOString(),
    port: nameOf(sample.handle),
    length,
    bytes: Buffer.from(bytes).toString('hex'),
    summary: frameSummary(bytes, length),
  };
}

/** The captured bytes with the outer tag back where it was. */
function asOnTheWire({ bytes, tag }: Sample): Uint8Array {
  if (tag === NO_TAG) return bytes;
  const wire = new Uint8Array(bytes.length + TAG_BYTES);
  wire.set(bytes.subarray(0, ADDRESSES_BYTES));
  writeTag(wire, ADDRESSES_BYTES, tag);
  wire.set(bytes.subarray(ADDRESSES_BYTES), ADDRESSES_BYTES + TAG_BYTES);
  return wire;
}
