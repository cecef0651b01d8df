/** Four hosts that all send to each of the other three (RFC 2889, section 5.1: fully meshed), at overload. */
import type { Measurement } from '../../measurement.ts';
import type { Host } from '../hosts.ts';
import { optionsOf } from './frame-rate.ts';
import { measureOverload } from './window.ts';

/** At `frameBytes`. */
export const mesh: Measurement = {
  name: 'mesh',
  about: 'frames delivered between four hosts, each sending to each',
  layout: 'quad',
  seconds: (settings) => settings.frameSeconds + 1,
  async measure(context, at) {
    const { hosts } = context.rig;
    const ways = hosts.flatMap((from) =>
      hosts.filter((to) => to !== from).map((to): readonly [Host, Host] => [from, to]),
    );
    const options = { ...optionsOf(at), ways };
    const { framesPerSecond, cpuNsPerFrame } = await measureOverload(context, options, hosts);
    context.add('meshFps', framesPerSecond, at);
    if (cpuNsPerFrame !== null) context.add('meshCpuNsPerFrame', cpuNsPerFrame, at);
  },
};
