/** TCP with iperf3: one flow or several, in both directions one after the other or at once, with the hosts' offloads. */
import type { Measurement } from '../../measurement.ts';
import { Child } from '../child.ts';
import { inNetns, run } from '../command.ts';
import { cpuNsPer } from './process-usage.ts';

const SPARE_MS = 10_000;
const KILOBYTE = 1000;

/** At `streams`; with `direction` both, half of the figures are of each direction and the sum is what counts. */
export const tcp: Measurement = {
  name: 'tcp',
  about: 'TCP throughput, better and other direction, or both at once; CPU time of the switch per kilobyte',
  layout: 'pair',
  seconds: ({ tcpSeconds }, at) => (at.direction === 'both' ? 1 : 2) * (tcpSeconds + 0.3) + 0.3,
  async measure({ bench, rig, settings, add }, at) {
    const { a, b, switchPids } = rig;
    const { tcpSeconds } = settings;
    await using server = Child.start(inNetns(b.netns, ['iperf3', '--server', '--bind', b.address, '--forceflush']));
    await server.printed(/Server listening/, bench.signal);
    const streams = ['--parallel', String(at.streams)];
    const client = ['iperf3', '--client', b.address, '--time', String(tcpSeconds), ...streams, '--json'];
    const options = { signal: bench.signal, timeoutMs: tcpSeconds * 1000 + SPARE_MS };
    const iperf = async (...more: string[]): Promise<End> =>
      (JSON.parse(await run(inNetns(a.netns, [...client, ...more]), options)) as { end?: End }).end ?? {};

    const cost = await cpuNsPer(switchPids, async () => {
      if (at.direction === 'both') {
        const { sum_received: there, sum_received_bidir_reverse: back } = await iperf('--bidir');
        add('tcpSum', rateOf(there) + rateOf(back), at);
        return kilobytesOf(there) + kilobytesOf(back);
      }
      const { sum_received: there } = await iperf();
      const { sum_received: back } = await iperf('--reverse');
      add('tcpBetter', Math.max(rateOf(there), rateOf(back)), at);
      add('tcpWorse', Math.min(rateOf(there), rateOf(back)), at);
      return kilobytesOf(there) + kilobytesOf(back);
    });
    if (cost !== null) add('cpuNsPerKilobyte', cost, at);
  },
};

interface Sum {
  bytes?: number;
  bits_per_second?: number;
}

/** `end` of iperf3 --json. */
interface End {
  sum_received?: Sum;
  sum_received_bidir_reverse?: Sum;
}

function rateOf(sum: Sum | undefined): number {
  const rate = sum?.bits_per_second;
  if (rate === undefined || rate <= 0) throw new Error('iperf3 received nothing');
  return rate;
}

function kilobytesOf(sum: Sum | undefined): number {
  return (sum?.bytes ?? 0) / KILOBYTE;
}
