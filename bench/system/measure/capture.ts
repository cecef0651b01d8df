/**
 * What a capture costs the traffic: frames delivered at overload while everything that enters and leaves is captured, and a
 * reader takes it, beside the same without. In both cases the load is the same one, window by window in turn, so that a
 * machine that gets slower does so for both.
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measurement } from '../../measurement.ts';
import { optionsOf } from './frame-rate.ts';
import { Load, phase } from './load.ts';
import { type Delivery, measureWindow } from './window.ts';

/** Windows with a capture, and as many without. */
const PAIRS = 3;
const SPARE_SECONDS = 10;

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
    add('framesPerSecond', mean(within!.map(({ framesPerSecond }) => framesPerSecond)), at);
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
  frames: number;
  missed: number;
}

/** Of all ports and both directions; what comes is thrown away. */
async function startCapture(
  socketPath: string,
  snaplen: number,
  signal: AbortSignal,
): Promise<{ end: () => Promise<Counts> }> {
  const ask = async (method: string, path: string, body?: object): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const headers = { host: 'localhost', 'content-type': 'application/json' };
    const exchange = request({ socketPath, path, method, headers, signal, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => resolve(text));
    });
    exchange.on('error', reject);
    exchange.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  };
  const { id } = JSON.parse(await ask('POST', '/v1/captures', { snaplen, maxBytes: 2 ** 40 })) as { id: string };
  const path = `/v1/captures/${id}`;
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const stream = request(
    { socketPath, path: `${path}/stream`, headers: { host: 'localhost' }, signal, agent: false },
    (response) => {
      response.once('data', () => begun.resolve());
      response.resume();
      response.on('end', () => ended.resolve());
      response.on('error', ended.reject);
    },
  );
  stream.on('error', (error) => {
    begun.reject(error);
    ended.reject(error);
  });
  stream.end();
  await begun.promise;
  return {
    end: async () => {
      await ask('DELETE', path);
      await ended.promise;
      return JSON.parse(await ask('GET', path)) as Counts;
    },
  };
}
