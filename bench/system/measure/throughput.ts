/**
 * Throughput (RFC 2544, section 26.1): the highest rate at which (almost) nothing is lost, NDR, and at which no more than
 * half a percent is, PDR. Frames offered are what the generator counted, frames received what the other host's interface
 * did, after all queues have drained.
 */
import type { Context, Measurement } from '../../measurement.ts';
import type { Conditions } from '../../metrics.ts';
import { drained, Load, phase, receivedBy } from './load.ts';
import { optionsOf } from './frame-rate.ts';
import { cpuNs } from './process-usage.ts';
import { searchRate, type Trial } from './rate-search.ts';

/** One frame in 100,000: a trial is short, and one interrupt too many is no property of a switch. */
export const NDR_LOSS_RATIO = 1e-5;
export const PDR_LOSS_RATIO = 0.005;

interface CountedTrial extends Trial {
  cpuNsPerFrame: number | null;
}

/** At `frameBytes`. */
export const throughput: Measurement = {
  name: 'throughput',
  about: 'NDR and PDR by binary search',
  layout: 'pair',
  seconds: (settings) => 11 * (settings.trialSeconds + 0.15) + 1,
  async measure(context, at) {
    const { rig, settings, add } = context;
    await using load = await Load.start(context.bench, rig, optionsOf(at));
    const trial = (framesPerSecond: number | null, seconds: number) =>
      runTrial(context, load, framesPerSecond, seconds);
    await trial(null, settings.warmUpSeconds);
    const flood = await trial(null, settings.trialSeconds);
    const history: CountedTrial[] = [flood];
    const guessFps = flood.offeredFps * (1 - flood.lossRatio);
    const limits = { maxFps: flood.offeredFps, precision: settings.precision, repeats: settings.trialRepeats };
    const run = async (framesPerSecond: number) => trial(framesPerSecond, settings.trialSeconds);

    const pdr = await searchRate({ ...limits, goal: PDR_LOSS_RATIO, guessFps }, history, run);
    const ndr = await searchRate({ ...limits, goal: NDR_LOSS_RATIO, guessFps: pdr ?? guessFps }, history, run);
    // An NDR that is as high is the generator's limit, not the switch's. The flood before was not paced.
    add('pacedFps', Math.max(...history.slice(1).map(({ offeredFps }) => offeredFps)), at);
    // What loses less than NDR allows is within PDR too, whatever an accident made of the first search.
    if (pdr !== null || ndr !== null) add('pdr', Math.max(pdr ?? 0, ndr ?? 0), at);
    if (ndr === null) return context.leaveOut(`NDR at ${at.frameBytes}: frames are lost even at the lowest rate tried`);
    add('ndr', ndr, at);
    context.known.set(keyOf(at), ndr);
    const cost = history.find(({ offeredFps }) => offeredFps === ndr)?.cpuNsPerFrame ?? null;
    if (cost !== null) add('cpuNsPerFrame', cost, { ...at, loadPercent: 100 });
  },
};

/** The NDR of this subject in this round; measured now if it was not before. Null: there is none. */
export async function ndrOf(context: Context, at: Conditions): Promise<number | null> {
  const conditions = { frameBytes: at.frameBytes ?? 64 };
  const key = keyOf(conditions);
  if (!context.known.has(key)) await throughput.measure(context, conditions);
  return context.known.get(key) ?? null;
}

export async function runTrial(
  { bench, rig }: Context,
  load: Load,
  framesPerSecond: number | null,
  seconds: number,
): Promise<CountedTrial> {
  const { b, switchPids } = rig;
  const before = receivedBy([b]);
  const cpuBefore = cpuNs(switchPids);
  const { phases } = await load.send([phase(framesPerSecond, seconds)]);
  const received = (await drained([b], bench.signal)) - before;
  const used = cpuNs(switchPids) - cpuBefore;
  const { sent, seconds: took } = phases[0]!;
  return {
    offeredFps: sent / took,
    lossRatio: Math.max(0, 1 - received / sent),
    cpuNsPerFrame: switchPids.length > 0 && received > 0 ? used / received : null,
  };
}

function keyOf(at: Conditions): string {
  return `ndr ${at.frameBytes}`;
}
