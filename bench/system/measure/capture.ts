/**
 * What a capture costs the traffic: frames delivered at overload while everything that enters and leaves is captured, and a
 * reader takes it, beside the same without. In both cases the load is the same one, window by window in turn, so that a
 * machine that gets slower does so for both.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../../measurement.ts';
import { callApi } from '../api.ts';
import { Child } from '../child.ts';
import { optionsOf } from './frame-rate.ts';
import { Load, phase } from './load.ts';
import { type Delivery, measureWindow } from './window.ts';

const PROGRAM = [process.execPath, fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))];
const INTERVAL_MS = 20;
const TIMEOUT_MS = 10_000;
/** Windows with a capture, and as many without. */
const PAIRS = 3;
const SPARE_SECONDS = 30;

/** At `frameBytes` and `snaplen`. */
export const capture: Measurement = {
  name: 'capture',
  about:
    'frames delivered at overload with a capture of everything, as a ratio to the same without, and what it missed',
  layout: 'pair',
  seconds: ({ warmUpSeconds, frameSeconds }) => 2 * PAIRS * (frameSeconds + warmUpSeconds) + 1,
  async measure({ rig, bench, settings, add }, at) {
    const { api } = rig;
    if (api === undefined) throw new Error('there is no API to ask');
    const { warmUpSeconds, frameSeconds } = settings;
    const seconds = 2 * PAIRS * (warmUpSeconds + frameSeconds) + SPARE_SECONDS;
    await using load = await Load.start(bench, rig, optionsOf(at));
    await load.begin([phase(null, seconds)]);
    const window = async (): Promise<Delivery> => {
      await sleep(warmUpSeconds * 1000, undefined, { signal: bench.signal });
      return measureWindow(bench, rig, load, frameSeconds, [rig.b]);
    };
    const [without, within]: Delivery[][] = [[], []];
    let [frames, missed] = [0, 0];
    for (let pair = 0; pair < PAIRS; pair++) {
      without!.push(await window());
      const running = await startCapture(api.socket, Number(at.snaplen), bench.signal);
      within!.push(await window());
      const counts = await running.end();
      frames += counts.frames;
      missed += counts.missed;
    }
    const ratio = (of: (each: Delivery) => number): number => mean(within!.map(of)) / mean(without!.map(of));
    add(
      'captureRateRatio',
      ratio(({ framesPerSecond }) => framesPerSecond),
      at,
    );
    add(
      'captureCpuRatio',
      ratio(({ cpuNsPerFrame }) => cpuNsPerFrame ?? Number.NaN),
      at,
    );
    add('captureMissedPercent', (100 * missed) / Math.max(1, frames + missed), at);
  },
};

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

interface Counts {
  state: string;
  frames: number;
  missed: number;
}

/** Of all ports and both directions, by the command line as a user runs it; what comes is thrown away. */
async function startCapture(
  socket: string,
  snaplen: number,
  signal: AbortSignal,
): Promise<{ end: () => Promise<Counts> }> {
  const ended = await countsIn(socket, 'ended', signal);
  const flags = ['--snaplen', String(snaplen), '--max-size', '1T', '--socket', socket];
  const child = Child.start([...PROGRAM, 'capture', ...flags, '-w', '/dev/null']);
  await wait(async () => (await countsIn(socket, 'running', signal)).length > 0, signal);
  return {
    end: async () => {
      await child[Symbol.asyncDispose]();
      await wait(async () => (await countsIn(socket, 'ended', signal)).length > ended.length, signal);
      return (await countsIn(socket, 'ended', signal)).at(-1)!;
    },
  };
}

async function countsIn(socket: string, state: string, signal: AbortSignal): Promise<Counts[]> {
  const text = await callApi(socket, { method: 'GET', path: '/v1/captures' }, signal);
  const { captures } = JSON.parse(text) as { captures: Counts[] };
  return captures.filter((each) => each.state === state);
}

/** @throws Error after ten seconds */
async function wait(isDone: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error('waited in vain for a capture');
    await sleep(INTERVAL_MS, undefined, { signal });
  }
}
