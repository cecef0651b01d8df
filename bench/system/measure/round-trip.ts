/** Round trips of ping through an otherwise idle switch. */
import type { Measurement } from '../../measurement.ts';
import { spreadOf } from '../../metrics.ts';
import { inNetns, run } from '../command.ts';
import type { Bench, Rig } from '../subject.ts';

/** At `pingsPerSecond`. */
export const roundTrip: Measurement = {
  name: 'ping',
  about: 'median round trip of ping, often and once per second',
  layout: 'pair',
  seconds: ({ pingSeconds }, at) => pingSeconds * slowness(at.pingsPerSecond) + 0.2,
  async measure({ bench, rig, settings, add }, at) {
    const perSecond = Number(at.pingsPerSecond);
    const pings = Math.max(3, Math.round(settings.pingSeconds * slowness(perSecond) * perSecond));
    add('rttMedianUs', await medianUs(bench, rig, pings, 1 / perSecond), at);
  },
};

/** At one per second a few pings must do, which still take longer. */
function slowness(pingsPerSecond: number | string | undefined): number {
  return Number(pingsPerSecond) <= 1 ? 5 : 1;
}

/** The mean would be ruled by a few late wake-ups. */
async function medianUs(bench: Bench, rig: Rig, pings: number, interval: number): Promise<number> {
  const argv = ['ping', '-n', '-c', String(pings), '-i', String(interval), '-W', '1', rig.b.address];
  const timeoutMs = 10_000 + pings * interval * 2000;
  const printed = await run(inNetns(rig.a.netns, argv), { signal: bench.signal, timeoutMs });
  const timesMs = Array.from(printed.matchAll(/time=([\d.]+) ms/g), (match) => Number(match[1]));
  if (timesMs.length === 0) throw new Error('no ping was answered');
  return spreadOf(timesMs).median * 1000;
}
