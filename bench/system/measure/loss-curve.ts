/** How much is lost at each offered load (RFC 2544, section 26.3: frame loss rate). */
import type { Measurement } from '../../measurement.ts';
import { Load } from './load.ts';
import { optionsOf } from './frame-rate.ts';
import { runTrial } from './throughput.ts';

/** At `frameBytes` and `offeredFps`. */
export const lossCurve: Measurement = {
  name: 'loss',
  about: 'share of frames lost at an offered load',
  layout: 'pair',
  seconds: (settings) => settings.trialSeconds + 0.6,
  async measure(context, at) {
    await using load = await Load.start(context.bench, context.rig, optionsOf(at));
    const wanted = Number(at.offeredFps);
    await runTrial(context, load, wanted, context.settings.warmUpSeconds);
    const { offeredFps, lossRatio } = await runTrial(context, load, wanted, context.settings.trialSeconds);
    if (offeredFps >= wanted * context.settings.offeredShareMin) context.add('lossRatio', lossRatio, at);
    else context.leaveOut(`loss at ${wanted} frames/s: the generator cannot offer so many`);
  },
};
