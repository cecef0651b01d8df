/**
 * UDP through the hosts' own stacks, in full-size datagrams as fast as one core sends them; counted are the bytes of the frames
 * that reach the other host's interface. Its stack drops them: they are for an address that nobody has.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { programFile } from '../../../src/program-file.ts';
import type { Measurement } from '../../measurement.ts';
import { Child } from '../child.ts';
import { inNetns, onCore, run } from '../command.ts';
import { readCounters } from '../hosts.ts';
import { cpuNsPer } from './process-usage.ts';

const PROGRAM = programFile(import.meta.url, 'udp-sender');
/** TEST-NET-3 (RFC 5737). */
const NOWHERE = '203.0.113.1';
const PORT = 9011;
const WARM_UP_MS = 300;
const SPARE_SECONDS = 5;
const KILOBYTE = 1000;

/** At `gso`. */
export const udp: Measurement = {
  name: 'udp',
  about: 'UDP throughput at overload, with and without UDP_SEGMENT',
  layout: 'pair',
  seconds: (settings) => settings.udpSeconds + 0.8,
  async measure({ bench, rig, settings, add }, at) {
    const { a, b, switchPids } = rig;
    await run(['ip', '-n', a.netns, 'route', 'replace', NOWHERE, 'dev', a.ifname]);
    const neighbour = [NOWHERE, 'lladdr', b.mac, 'dev', a.ifname, 'nud', 'permanent'];
    await run(['ip', '-n', a.netns, 'neighbour', 'replace', ...neighbour]);
    const { udpSeconds } = settings;
    const args = [NOWHERE, String(PORT), String(at.gso), String(udpSeconds + SPARE_SECONDS)];
    const argv = onCore(bench.generatorCore, [process.execPath, PROGRAM, ...args]);
    await using sender = Child.start(inNetns(a.netns, argv));
    await sender.printed(/^sending$/m, bench.signal);
    await sleep(WARM_UP_MS, undefined, { signal: bench.signal });
    const cost = await cpuNsPer(switchPids, async () => {
      const [before, beforeMs] = [readCounters(b).receivedBytes, performance.now()];
      await sleep(udpSeconds * 1000, undefined, { signal: bench.signal });
      const [after, afterMs] = [readCounters(b).receivedBytes, performance.now()];
      sender.assertRunning();
      if (after === before) throw new Error('no datagram arrived');
      add('udpBps', ((after - before) * 8000) / (afterMs - beforeMs), at);
      return (after - before) / KILOBYTE;
    });
    if (cost !== null) add('cpuNsPerKilobyte', cost, at);
  },
};
