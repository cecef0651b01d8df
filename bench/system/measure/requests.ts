/** TCP requests answered in a second, one after the other over one connection. The scheduler places both programs. */
import { programFile } from '../../../src/program-file.ts';
import type { Measurement } from '../../measurement.ts';
import { Child } from '../child.ts';
import { inNetns, run } from '../command.ts';
import { cpuNsPer } from './process-usage.ts';

const PROGRAM = programFile(import.meta.url, 'request-peer');
const PORT = 9012;
const SPARE_MS = 10_000;

export const requests: Measurement = {
  name: 'requests',
  about: 'TCP requests of one byte in a second, one after the other',
  layout: 'pair',
  seconds: (settings) => settings.requestSeconds + 0.6,
  async measure({ bench, rig, settings, add }, at) {
    const { a, b, switchPids } = rig;
    const peer = (role: string, seconds: number): string[] => {
      return [process.execPath, PROGRAM, role, b.address, String(PORT), String(seconds)];
    };
    const { requestSeconds } = settings;
    await using server = Child.start(inNetns(b.netns, peer('serve', 0)));
    await server.printed(/^listening$/m, bench.signal);
    const options = { signal: bench.signal, timeoutMs: requestSeconds * 1000 + SPARE_MS };
    const cost = await cpuNsPer(switchPids, async () => {
      const perSecond = Number(await run(inNetns(a.netns, peer('ask', requestSeconds)), options));
      add('requestsPerSecond', perSecond, at);
      return perSecond * requestSeconds;
    });
    if (cost !== null) add('cpuNsPerRequest', cost, at);
  },
};
