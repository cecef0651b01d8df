/**
 * Latency of single frames (RFC 8219, section 7.2; ETSI GS NFV-TST 009, clause 8.3): probes among a load of 64-byte frames
 * that is a share of the NDR, or alone.
 */
import type { Measurement } from '../../measurement.ts';
import { Load, phase } from './load.ts';
import { ndrOf } from './throughput.ts';

const PROBES_PER_SECOND = 5000;
/** Without other load: one in a millisecond, so that a switch that sleeps may fall asleep. */
const IDLE_PROBES_PER_SECOND = 1000;

/** At `frameBytes` and `loadPercent` of the NDR. */
export const latency: Measurement = {
  name: 'latency',
  about: 'latency of single frames: percentiles and histogram',
  layout: 'pair',
  seconds: (settings) => settings.latencySeconds + 1,
  async measure(context, at) {
    const { bench, rig, settings } = context;
    const share = Number(at.loadPercent) / 100;
    const ndr = share > 0 ? await ndrOf(context, at) : 0;
    if (ndr === null) return;
    await using load = await Load.start(bench, rig, { frameBytes: at.frameBytes ?? 64, probes: true });
    const probesPerSecond = share > 0 ? PROBES_PER_SECOND : IDLE_PROBES_PER_SECOND;
    await load.send([phase(ndr * share, settings.warmUpSeconds)], { probesPerSecond });
    const { probes } = await load.send([phase(ndr * share, settings.latencySeconds)], { probesPerSecond });
    if (probes === null || probes.latency.count === 0) throw new Error('no probe arrived');
    context.addLatency(probes.latency, at);
  },
};
