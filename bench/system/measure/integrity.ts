/** Whether what arrives is what was sent, at full speed: where reused buffers and races would show. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { programFile } from '../../../src/program-file.ts';
import type { Measurement } from '../../measurement.ts';
import { Child } from '../child.ts';
import { inNetns } from '../command.ts';
import type { Host } from '../hosts.ts';
import { optionsOf } from './frame-rate.ts';
import { Load, phase } from './load.ts';
import type { Receipt } from './receiver.ts';
import { LOAD_PORT } from './test-frame.ts';

const PROGRAM = programFile(import.meta.url, 'receiver');
/** For what is still under way. */
const SETTLE_MS = 100;

/** At `frameBytes` and `flows`. Gives no sample: it fails, or what was measured beside it stands. */
export const integrity: Measurement = {
  name: 'integrity',
  about: 'whether frames arrive whole, in order within their flow, and once',
  layout: 'pair',
  seconds: (settings) => settings.integritySeconds + 1,
  async measure({ bench, rig, settings }, at) {
    const { b } = rig;
    await using receiver = Child.start(inNetns(b.netns, [process.execPath, PROGRAM, b.address, String(LOAD_PORT)]));
    await receiver.printed(/^listening$/m, bench.signal);
    const refusedBefore = refusedByStack(b);
    {
      await using load = await Load.start(bench, rig, { ...optionsOf(at), destinationAddress: b.address });
      await load.send([phase(null, settings.integritySeconds)]);
    }
    await sleep(SETTLE_MS, undefined, { signal: bench.signal });
    const refused = refusedByStack(b) - refusedBefore;
    receiver.closeStdin();
    const [receipt] = await receiver.printed(/^\{.*\}$/m, bench.signal);
    const { received, damaged, outOfOrder } = JSON.parse(receipt) as Receipt;
    if (received === 0 || damaged + outOfOrder + refused > 0) {
      const what = `${damaged} damaged, ${outOfOrder} out of order or twice, ${refused} refused by the host for their headers`;
      throw new Error(`integrity at ${at.frameBytes}: of ${received} frames received ${what}`);
    }
  },
};

/** Frames that the host's stack refused for their headers, lengths or checksums; not those its socket had no room for. */
function refusedByStack(host: Host): number {
  const lines = ['snmp', 'netstat'].flatMap((file) =>
    readFileSync(`/proc/${host.pid}/net/${file}`, 'utf8').split('\n'),
  );
  const counter = (protocol: string, name: string): number => {
    const [names, values] = lines.filter((line) => line.startsWith(`${protocol}: `)).map((line) => line.split(' '));
    const column = names?.indexOf(name) ?? -1;
    if (column < 0) throw new Error(`the kernel counts no ${protocol} ${name}`);
    return Number(values![column]);
  };
  const udp = counter('Udp', 'InErrors') - counter('Udp', 'RcvbufErrors') - counter('Udp', 'MemErrors');
  return udp + counter('Ip', 'InHdrErrors') + counter('IpExt', 'InTruncatedPkts');
}
