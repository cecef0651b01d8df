/** What a switch costs while nothing moves: CPU time with few and many ports, and memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MetricName } from '../../metrics.ts';
import type { Settings } from '../../settings.ts';
import type { Bench, Subject } from '../subject.ts';
import { cpuNs, residentBytes } from './process-usage.ts';

const RSS: Readonly<Record<number, MetricName>> = { 8: 'rssBytes8', 64: 'rssBytes64', 256: 'rssBytes256' };

export async function measureFootprint(
  bench: Bench,
  subject: Subject,
  settings: Settings,
  add: (metric: MetricName, value: number) => void,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const rig = await subject.setUp(bench, stack, 'pair');
  const [pid] = rig.switchPids;
  const { fill } = rig;
  if (pid === undefined || fill === undefined) throw new Error('it has no process, or a fixed number of ports');
  add('idleCpuPercent2', await measureIdle(bench, pid, settings));
  for (const ports of settings.footprintPorts) {
    await fill(ports);
    if (ports === 8) add('idleCpuPercent8', await measureIdle(bench, pid, settings));
    add(RSS[ports]!, residentBytes(pid));
  }
}

/** Percent of one core. */
async function measureIdle(bench: Bench, pid: number, settings: Settings): Promise<number> {
  await sleep(settings.settleSeconds * 1000, undefined, { signal: bench.signal });
  const startMs = performance.now();
  const before = cpuNs([pid]);
  await sleep(settings.idleSeconds * 1000, undefined, { signal: bench.signal });
  return ((cpuNs([pid]) - before) / 1e6 / (performance.now() - startMs)) * 100;
}
