/**
 * Frames counted while a generator sends more than any switch takes: in a window that begins when queues are full and ends
 * while the generator still sends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../measurement.ts';
import { type Host, readCounters } from '../hosts.ts';
import type { Bench, Rig } from '../subject.ts';
import { Load, type LoadOptions, phase } from './load.ts';
import { cpuNs, softirqNs } from './process-usage.ts';

/** The harness may wake late, as all cores are busy; the load goes on for so long, and is ended when the window is. */
const SPARE_SECONDS = 5;
/** A shared machine may stand still for the whole of a short window; then the window is made longer, up to so much. */
const STANDSTILL_MS_MAX = 3000;

export interface Delivery {
  framesPerSecond: number;
  bytesPerSecond: number;
  /** Of the frames offered, those that did not arrive. */
  lossPercent: number;
  /** CPU time of the switch's processes per frame delivered; null where the kernel forwards. */
  cpuNsPerFrame: number | null;
  softirqNsPerFrame: number;
}

/** @param to whose received frames count */
export async function measureOverload(
  { bench, rig, settings }: Context,
  options: LoadOptions,
  to: readonly Host[] = [rig.b],
): Promise<Delivery> {
  const { warmUpSeconds, frameSeconds } = settings;
  await using load = await Load.start(bench, rig, options);
  await load.begin([phase(null, warmUpSeconds + frameSeconds + SPARE_SECONDS)]);
  await sleep(warmUpSeconds * 1000, undefined, { signal: bench.signal });
  return await measureWindow(bench, rig, load, frameSeconds, to);
}

/** Of a load that is being sent and goes on for longer. */
export async function measureWindow(
  bench: Bench,
  rig: Rig,
  load: Load,
  seconds: number,
  to: readonly Host[],
): Promise<Delivery> {
  const before = look(rig, to);
  let after = before;
  do {
    await sleep(seconds * 1000, undefined, { signal: bench.signal });
    after = look(rig, to);
  } while (after.received === before.received && after.atMs - before.atMs < STANDSTILL_MS_MAX);
  load.assertSending();

  const delivered = after.received - before.received;
  const offered = after.offered - before.offered;
  const windowSeconds = (after.atMs - before.atMs) / 1000;
  if (delivered === 0) throw new Error(`none of ${offered} frames arrived`);
  return {
    framesPerSecond: delivered / windowSeconds,
    bytesPerSecond: (after.receivedBytes - before.receivedBytes) / windowSeconds,
    lossPercent: Math.max(0, 1 - delivered / offered) * 100,
    cpuNsPerFrame: rig.switchPids.length > 0 ? (after.cpuNs - before.cpuNs) / delivered : null,
    softirqNsPerFrame: (after.softirqNs - before.softirqNs) / delivered,
  };
}

/** The harness may wake late: what counts is what is read together with the clock. */
function look(rig: Rig, to: readonly Host[]) {
  const received = to.map(readCounters);
  const offered = rig.hosts.map(readCounters);
  return {
    atMs: performance.now(),
    received: received.reduce((sum, counters) => sum + counters.received, 0),
    receivedBytes: received.reduce((sum, counters) => sum + counters.receivedBytes, 0),
    offered: offered.reduce((sum, counters) => sum + counters.offered, 0),
    cpuNs: cpuNs(rig.switchPids),
    softirqNs: softirqNs(),
  };
}
