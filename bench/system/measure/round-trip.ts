/** Round trips of ping through an otherwise idle switch, a hundred in a second. */
import { spreadOf } from '../../metrics.ts';
import { inNetns, run } from '../command.ts';
import type { Bench, Rig } from '../subject.ts';

/** @returns the median, in microseconds; the mean is ruled by a few late wake-ups */
export async function measureRoundTrip(bench: Bench, rig: Rig, pings: number): Promise<number> {
  const argv = ['ping', '-n', '-c', String(pings), '-i', '0.01', '-W', '1', rig.b.address];
  const printed = await run(inNetns(rig.a.netns, argv), { signal: bench.signal, timeoutMs: 10_000 + pings * 20 });
  const timesMs = Array.from(printed.matchAll(/time=([\d.]+) ms/g), (match) => Number(match[1]));
  if (timesMs.length === 0) throw new Error('no ping was answered');
  return spreadOf(timesMs).median * 1000;
}
