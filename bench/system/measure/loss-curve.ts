/** How much is lost at each offered load (RFC 2544, section 26.3: frame loss rate). */
import type { Measurement } from '../../measurement.ts';
import { Load } from './load.ts';
import { optionsOf } from './frame-rate.ts';
import { runTrial } from './throughput.ts';

/** On a busy machine the generator is kept from running now and then, and offers less than it was asked for. */
export const ATTEMPTS = 3;

/** At `frameBytes` and `offeredFps`. */
export const lossCurve: Measurement = {
  name: 'loss',
  about: 'share of frames lost at an offered load',
  layout: 'pair',
  seconds: (settings) => settings.trialSeconds + 0.6,
  async measure(context, at) {
    await using load = await Load.start(context.bench, context.rig, optionsOf(at));
    const wanted = Number(at.offeredFps);
    const { settings } = context;
    await runTrial(context, load, wanted, settings.warmUpSeconds);
    for (let k = 0; k < ATTEMPTS; k++) {
      const { offeredFps, lossRatio } = await runTrial(context, load, wanted, settings.trialSeconds);
      if (offeredFps >= wanted * settings.offeredShareMin) return context.add('lossRatio', lossRatio, at);
    }
    context.leaveOut(`loss at ${wanted} frames/s: the generator could not offer so many`);
  },
};
