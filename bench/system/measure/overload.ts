/**
 * Overload and recovery (RFC 2544, section 26.5: system recovery): one and a half times the NDR for a while, then half of
 * it, and how long it takes from there until nothing is lost any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, Measurement } from '../../measurement.ts';
import { Load, phase } from './load.ts';
import { ATTEMPTS } from './loss-curve.ts';
import { ndrOf } from './throughput.ts';
import { measureWindow } from './window.ts';

/** Losses are told by numbered probes among the load, so recovery is known to this resolution. */
const PROBES_PER_SECOND = 10_000;
const RECOVERY_LOAD = 0.5;
/** Shares of the overload phase: before the window, and the window. */
const BEFORE = 0.25;
const WINDOW = 0.5;

/** At `frameBytes` and `loadPercent` of the NDR. */
export const overload: Measurement = {
  name: 'overload',
  about: 'frames delivered at 150 % of the NDR, and time to recover at 50 %',
  layout: 'pair',
  seconds: (settings) => settings.overloadSeconds * 2 + 1,
  async measure(context, at) {
    const { bench, rig, settings } = context;
    const ndr = await ndrOf(context, at);
    if (ndr === null) return;
    const wanted = (ndr * Number(at.loadPercent)) / 100;
    await using load = await Load.start(bench, rig, { frameBytes: at.frameBytes ?? 64, probes: true });
    await load.send([phase(ndr * RECOVERY_LOAD, settings.warmUpSeconds)], { probesPerSecond: PROBES_PER_SECOND });
    for (let k = 0; k < ATTEMPTS; k++) {
      const found = await overloadOnce(context, load, wanted, ndr * RECOVERY_LOAD);
      if (found.offeredFps < wanted * settings.offeredShareMin) continue;
      context.add('overloadFps', found.deliveredFps, at);
      context.add('recoverySeconds', found.recoverySeconds, at);
      if (found.cpuNsPerFrame !== null) context.add('cpuNsPerFrame', found.cpuNsPerFrame, at);
      return;
    }
    context.leaveOut(`overload: the generator could not offer ${at.loadPercent} % of the NDR`);
  },
};

async function overloadOnce({ bench, rig, settings }: Context, load: Load, overloadFps: number, recoveryFps: number) {
  const { overloadSeconds } = settings;
  const phases = [phase(overloadFps, overloadSeconds), phase(recoveryFps, overloadSeconds)];
  await load.begin(phases, { probesPerSecond: PROBES_PER_SECOND });
  await sleep(overloadSeconds * BEFORE * 1000, undefined, { signal: bench.signal });
  const { framesPerSecond, cpuNsPerFrame } = await measureWindow(bench, rig, load, overloadSeconds * WINDOW, [rig.b]);
  const { phases: sent, probes } = await load.end(2 * overloadSeconds);
  return {
    offeredFps: sent[0]!.sent / sent[0]!.seconds,
    deliveredFps: framesPerSecond,
    cpuNsPerFrame,
    recoverySeconds: probes?.lastLossSeconds ?? 0,
  };
}
