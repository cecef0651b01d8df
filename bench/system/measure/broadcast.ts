/** Broadcasts to all ports of a switch, at overload (RFC 2889, section 5.9); every copy counts. */
import type { Measurement } from '../../measurement.ts';
import { optionsOf } from './frame-rate.ts';
import { measureOverload } from './window.ts';

/** At `frameBytes` and `ports`. */
export const broadcast: Measurement = {
  name: 'broadcast',
  about: 'copies of broadcasts delivered to all other ports',
  layout: 'pair',
  seconds: (settings, at) => settings.frameSeconds + 1 + Number(at.ports) * 0.03,
  async measure(context, at) {
    const { rig, add } = context;
    const ports = Number(at.ports);
    const { b } = rig;
    const to = ports > rig.hosts.length && rig.fill !== undefined ? [b, await rig.fill(ports)] : [b];
    const options = { ...optionsOf(at), destinationMac: 'ff:ff:ff:ff:ff:ff' };
    const { framesPerSecond, cpuNsPerFrame } = await measureOverload(context, options, to);
    add('broadcastFps', framesPerSecond, at);
    if (cpuNsPerFrame !== null) add('broadcastCpuNsPerCopy', cpuNsPerFrame, at);
  },
};
