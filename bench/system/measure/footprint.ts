/** What tswitch costs while nothing moves: CPU time with few and many ports, and memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../../settings.ts';
import type { Bench } from '../subject.ts';
import type { TswitchSubject } from '../tswitch.ts';
import { cpuNs, residentBytes } from './process-usage.ts';

export interface Footprint {
  /** Percent of one core. */
  idleCpuPercent2: number;
  idleCpuPercent8: number;
  rssBytes8: number;
}

export async function measureFootprint(bench: Bench, subject: TswitchSubject, settings: Settings): Promise<Footprint> {
  await using stack = new AsyncDisposableStack();
  const rig = await subject.setUp(bench, stack);
  const [pid = 0] = rig.switchPids;
  const idleCpuPercent2 = await measureIdle(bench, pid, settings);
  await rig.fill(8);
  const idleCpuPercent8 = await measureIdle(bench, pid, settings);
  return { idleCpuPercent2, idleCpuPercent8, rssBytes8: residentBytes(pid) };
}

async function measureIdle(bench: Bench, pid: number, settings: Settings): Promise<number> {
  await sleep(settings.settleSeconds * 1000, undefined, { signal: bench.signal });
  const startMs = performance.now();
  const before = cpuNs([pid]);
  await sleep(settings.idleSeconds * 1000, undefined, { signal: bench.signal });
  return ((cpuNs([pid]) - before) / 1e6 / (performance.now() - startMs)) * 100;
}
