/**
 * What swapping a logic costs the traffic: frames lost, for how long a worker takes no frames while it exchanges one version for
 * the other, and how long whoever asks for a swap waits until all workers have acknowledged it, while one version of a logic
 * takes the other's place so many times a second; beside the same load without any swap.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../../measurement.ts';
import { callApi } from '../api.ts';
import type { Host } from '../hosts.ts';
import { optionsOf } from './frame-rate.ts';
import { drained, Load, phase } from './load.ts';
import { ndrOf } from './throughput.ts';

const NAME = 'mac-allow-list';
const FILE = fileURLToPath(new URL(`../../../examples/logics/${NAME}.ts`, import.meta.url));

/** At `frameBytes`, `loadPercent` of the NDR without a logic, and `swapsPerSecond`. */
export const swap: Measurement = {
  name: 'swap',
  about: 'frames lost, and how long it takes, while a loaded logic is swapped',
  layout: 'pair',
  seconds: (settings) => settings.frameSeconds + 2,
  async measure(context, at) {
    const { rig, bench, settings, add } = context;
    const { api, a, b } = rig;
    if (api === undefined) throw new Error('there is no API to ask');
    const ndr = await ndrOf(context, at);
    if (ndr === null) return;
    const framesPerSecond = (ndr * Number(at.loadPercent)) / 100;
    const call = (method: 'POST' | 'DELETE', path: string, body?: object): Promise<string> =>
      callApi(api.socket, { method, path, ...(body ? { body } : {}) }, bench.signal);
    // Twice: the first version is what a rollback brings back.
    for (let k = 0; k < 2; k++) await call('POST', '/v1/logic', { file: FILE, params: { allow: macsOf([a, b]) } });
    try {
      await using load = await Load.start(bench, rig, optionsOf(at));
      await load.send([phase(framesPerSecond, settings.warmUpSeconds)]);
      const before = await drained([b], bench.signal);
      await load.begin([phase(framesPerSecond, settings.frameSeconds)]);
      const swaps = await swapFor(settings.frameSeconds, Number(at.swapsPerSecond), bench.signal, () =>
        call('POST', `/v1/logic/${NAME}/rollback`),
      );
      const { phases } = await load.end(settings.frameSeconds);
      const received = (await drained([b], bench.signal)) - before;
      add('lostFrames', Math.max(0, phases[0]!.sent - received), at);
      if (swaps.length === 0) return;
      add('exchangeMs', Math.max(...swaps.map(({ exchangeMs }) => exchangeMs)), at);
      add('swapMs', Math.max(...swaps.map(({ answeredMs }) => answeredMs)), at);
    } finally {
      await call('DELETE', `/v1/logic/${NAME}`);
    }
  },
};

interface Swap {
  /** For so long the slowest worker took no frames. */
  exchangeMs: number;
  /** After so long whoever asked for it had the answer. */
  answeredMs: number;
}

async function swapFor(
  seconds: number,
  perSecond: number,
  signal: AbortSignal,
  swapOnce: () => Promise<string>,
): Promise<Swap[]> {
  const swaps: Swap[] = [];
  const startMs = performance.now();
  for (let k = 0; k < Math.floor(seconds * perSecond); k++) {
    const dueMs = startMs + (k * 1000) / perSecond;
    await sleep(Math.max(0, dueMs - performance.now()), undefined, { signal });
    const begunMs = performance.now();
    const answer = await swapOnce();
    const answeredMs = performance.now() - begunMs;
    const { live } = JSON.parse(answer) as { live: { exchangeMicroseconds: number } };
    swaps.push({ exchangeMs: live.exchangeMicroseconds / 1000, answeredMs });
  }
  return swaps;
}

function macsOf(hosts: readonly Host[]): string[] {
  return hosts.map(({ mac }) => mac);
}
