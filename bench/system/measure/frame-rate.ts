/**
 * Frames per second at overload (RFC 2889, section 5.1, asks for the forwarding rate at the maximum offered load): the
 * generator offers all it can, and what reaches the other host's interface is counted there. With the CPU time it took.
 */
import type { Context, Measurement } from '../../measurement.ts';
import type { Conditions } from '../../metrics.ts';
import type { Host } from '../hosts.ts';
import type { LoadOptions } from './load.ts';
import { measureOverload } from './window.ts';

/** At `frameBytes`, `flows`, and `direction`: both hosts send to each other at once. */
export const frameRate: Measurement = {
  name: 'rate',
  about: 'frames delivered at overload, loss, CPU time of the switch and softirq time per frame',
  layout: 'pair',
  seconds: (settings) => settings.frameSeconds + 1,
  async measure(context, at) {
    const { a, b } = context.rig;
    if (at.direction !== 'both') return addRate(context, at, optionsOf(at), [b]);
    const ways = [
      [a, b],
      [b, a],
    ] as const;
    await addRate(context, at, { ...optionsOf(at), ways }, [a, b]);
  },
};

/** At `ports`: the same traffic between two of them, while the others are up and silent. */
export const portScaling: Measurement = {
  name: 'ports',
  about: 'the same between two of many ports',
  layout: 'pair',
  seconds: (settings, at) => settings.frameSeconds + 1 + Number(at.ports) * 0.03,
  async measure(context, at) {
    const { rig } = context;
    if (rig.fill === undefined) throw new Error('the number of ports is fixed');
    if (Number(at.ports) > rig.hosts.length) await rig.fill(Number(at.ports));
    await addRate(context, at, optionsOf(at), [rig.b]);
  },
};

export function optionsOf(at: Conditions): LoadOptions {
  return { frameBytes: at.frameBytes ?? 64, flows: Number(at.flows ?? 1) };
}

export async function addRate(
  context: Context,
  at: Conditions,
  options: LoadOptions,
  to: readonly Host[],
): Promise<void> {
  const { add } = context;
  const rate = await measureOverload(context, options, to);
  add('framesPerSecond', rate.framesPerSecond, at);
  add('lossPercent', rate.lossPercent, at);
  add('softirqNsPerFrame', rate.softirqNsPerFrame, at);
  if (rate.cpuNsPerFrame !== null) add('cpuNsPerFrame', rate.cpuNsPerFrame, at);
}
