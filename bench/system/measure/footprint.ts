/** What tswitch costs while nothing moves: CPU time with few and many ports, and memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../subject.ts';
import type { TswitchSubject } from '../tswitch.ts';
import { cpuNs, residentBytes } from './process-usage.ts';

/** Lets start-up work (compiling, first collections) end. */
const SETTLE_MS = 1_000;

export interface Footprint {
  /** Percent of one core. */
  idleCpuPercent2: number;
  idleCpuPercent8: number;
  rssBytes8: number;
}

export async function measureFootprint(bench: Bench, subject: TswitchSubject, seconds: number): Promise<Footprint> {
  await using stack = new AsyncDisposableStack();
  const rig = await subject.setUp(bench, stack);
  const [pid = 0] = rig.switchPids;
  const idleCpuPercent2 = await measureIdle(bench, pid, seconds);
  await rig.fill(8);
  const idleCpuPercent8 = await measureIdle(bench, pid, seconds);
  return { idleCpuPercent2, idleCpuPercent8, rssBytes8: residentBytes(pid) };
}

async function measureIdle(bench: Bench, pid: number, seconds: number): Promise<number> {
  await sleep(SETTLE_MS, undefined, { signal: bench.signal });
  const startMs = performance.now();
  const before = cpuNs([pid]);
  await sleep(seconds * 1000, undefined, { signal: bench.signal });
  return ((cpuNs([pid]) - before) / 1e6 / (performance.now() - startMs)) * 100;
}
