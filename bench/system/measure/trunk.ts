/** From a trunk to an access port: every frame enters tagged and leaves without its tag. At overload. */
import type { Measurement } from '../../measurement.ts';
import { inNetns, run } from '../command.ts';
import { optionsOf } from './frame-rate.ts';
import { sizesOf } from './test-frame.ts';
import { measureOverload } from './window.ts';

/** At `frameBytes`, the size without the tag. */
export const trunkToAccess: Measurement = {
  name: 'trunk',
  about: 'frames delivered from a trunk to an access port',
  layout: 'trunk',
  seconds: (settings) => settings.frameSeconds + 1.2,
  async measure(context, at) {
    const { a, b } = context.rig;
    // Host a does not understand the answer's tag, so nobody answers: it is enough that the switch learns where b is.
    await run(inNetns(b.netns, ['ping', '-q', '-c', '1', '-W', '0.1', a.address])).catch(() => {});
    const delivery = await measureOverload(context, optionsOf(at));
    const bytes = delivery.bytesPerSecond / delivery.framesPerSecond;
    const [wanted] = sizesOf(at.frameBytes ?? 64);
    if (at.frameBytes !== 'imix' && Math.abs(bytes - wanted!) > 0.5) {
      throw new Error(`frames of ${bytes.toFixed(1)} bytes left the access port, not of ${wanted}`);
    }
    context.add('trunkToAccessFps', delivery.framesPerSecond, at);
    if (delivery.cpuNsPerFrame !== null) context.add('trunkCpuNsPerFrame', delivery.cpuNsPerFrame, at);
  },
};
