/**
 * Frames per second at overload: the generator offers all it can from host a, and what reaches host b's interface is counted
 * there, in a window that begins when queues are full and ends while the generator still sends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readCounters } from '../hosts.ts';
import type { Bench, Rig } from '../subject.ts';
import { offerFrames } from './offer.ts';
import { cpuNs } from './process-usage.ts';

/** TEST-NET-2 (RFC 5737): host b has no route to it, so its stack drops the frames early and without an answer. */
const NOWHERE = '198.51.100.1';
const DISCARD_PORT = 9;
/** For queues to fill and for the engine to compile what is hot. */
const WARM_UP_MS = 500;

export interface FrameRate {
  framesPerSecond: number;
  /** Of the frames offered, those that did not arrive. */
  lossPercent: number;
  /** CPU time of the switch's processes per frame delivered; null where the kernel forwards. */
  cpuNsPerFrame: number | null;
}

export async function measureFrameRate(bench: Bench, rig: Rig, seconds: number, flows: number): Promise<FrameRate> {
  const offer = { destinationAddress: NOWHERE, destinationPort: DISCARD_PORT, flows, seconds };
  await using generator = await offerFrames(bench, rig, offer);
  await sleep(WARM_UP_MS, undefined, { signal: bench.signal });
  const before = look(rig);
  await sleep(seconds * 1000, undefined, { signal: bench.signal });
  const after = look(rig);
  generator.assertRunning();

  const delivered = after.received - before.received;
  const offered = after.offered - before.offered;
  if (delivered === 0) throw new Error(`none of ${offered} frames arrived`);
  return {
    framesPerSecond: (delivered / (after.atMs - before.atMs)) * 1000,
    lossPercent: Math.max(0, 1 - delivered / offered) * 100,
    cpuNsPerFrame: rig.switchPids.length > 0 ? (after.cpuNs - before.cpuNs) / delivered : null,
  };
}

/** Both cores are busy, so the harness may wake late: what counts is what is read together with the clock. */
function look(rig: Rig): { atMs: number; received: number; offered: number; cpuNs: number } {
  const { received } = readCounters(rig.b);
  const { offered } = readCounters(rig.a);
  return { atMs: performance.now(), received, offered, cpuNs: cpuNs(rig.switchPids) };
}
