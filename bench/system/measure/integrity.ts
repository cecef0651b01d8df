/** Whether what arrives is what was sent, at full speed: where reused buffers and races would show. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Child } from '../child.ts';
import { inNetns } from '../command.ts';
import type { Host } from '../hosts.ts';
import type { Bench, Rig } from '../subject.ts';
import { offerFrames } from './offer.ts';
import type { Receipt } from './receiver.ts';

const PROGRAM = fileURLToPath(new URL('receiver.ts', import.meta.url));
const PORT = 9009;
/** For what is still under way. */
const SETTLE_MS = 100;

/** @throws Error that says what was wrong with the frames that arrived */
export async function checkIntegrity(bench: Bench, rig: Rig, seconds: number, flows: number): Promise<void> {
  const { b } = rig;
  await using receiver = Child.start(inNetns(b.netns, [process.execPath, PROGRAM, b.address, String(PORT)]));
  await receiver.printed(/^listening$/m, bench.signal);
  const refusedBefore = refusedByStack(b);
  {
    const offer = { destinationAddress: b.address, destinationPort: PORT, flows, seconds };
    await using generator = await offerFrames(bench, rig, offer);
    await sleep(seconds * 1000, undefined, { signal: bench.signal });
    generator.assertRunning();
  }
  await sleep(SETTLE_MS, undefined, { signal: bench.signal });
  const refused = refusedByStack(b) - refusedBefore;
  receiver.closeStdin();
  const [receipt] = await receiver.printed(/^\{.*\}$/m, bench.signal);
  const { received, damaged, outOfOrder } = JSON.parse(receipt) as Receipt;
  if (received === 0 || damaged + outOfOrder + refused > 0) {
    const what = `${damaged} damaged, ${outOfOrder} out of order or twice, ${refused} with a wrong checksum`;
    throw new Error(`integrity: of ${received} frames received ${what}`);
  }
}

/** Frames that the host's stack refused for their headers or checksums. */
function refusedByStack(host: Host): number {
  const lines = readFileSync(`/proc/${host.pid}/net/snmp`, 'utf8').split('\n');
  const counter = (protocol: string, name: string): number => {
    const [names, values] = lines.filter((line) => line.startsWith(`${protocol}: `)).map((line) => line.split(' '));
    return Number(values?.[names?.indexOf(name) ?? 0]);
  };
  return counter('Udp', 'InCsumErrors') + counter('Ip', 'InHdrErrors');
}
