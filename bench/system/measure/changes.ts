/**
 * What changes of the switch cost its traffic, and traffic its API: frames delivered at overload while the API is asked so
 * many times a second to give an address and to take it back, or only to read its settings.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measurement } from '../../measurement.ts';
import { type ApiCall, callApi } from '../api.ts';
import { optionsOf } from './frame-rate.ts';
import { measureOverload } from './window.ts';

/** Of requests that change nothing, where no changes are asked for: so that only those make the difference. */
const REQUESTS_PER_SECOND = 100;
const MAC = '02:4e:00:00:00:01';
const VLAN = 1;

/** At `frameBytes` and `changesPerSecond`. */
export const changes: Measurement = {
  name: 'changes',
  about: 'frames delivered at overload, and how fast the API answers, with and without changes',
  layout: 'pair',
  seconds: (settings) => settings.frameSeconds + 1,
  async measure(context, at) {
    const { rig, bench, add } = context;
    const { api } = rig;
    if (api === undefined) throw new Error('there is no API to ask');
    const perSecond = Number(at.changesPerSecond);
    const client = new Client(api.socket, bench.signal);
    const asking = client.ask(perSecond || REQUESTS_PER_SECOND, perSecond > 0 ? api.port : null);
    const rate = await measureOverload(context, optionsOf(at)).finally(() => client.stop());
    await asking;
    add('framesPerSecond', rate.framesPerSecond, at);
    add('apiP99Ms', client.p99Ms(), at);
  },
};

class Client {
  readonly #socketPath: string;
  readonly #signal: AbortSignal;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #timesMs: number[] = [];
  #stopped = false;

  constructor(socketPath: string, signal: AbortSignal) {
    this.#socketPath = socketPath;
    this.#signal = signal;
  }

  /** Until it is stopped. @param port to give an address on and take it back, by turns; null: only reads */
  async ask(perSecond: number, port: string | null): Promise<void> {
    const startMs = performance.now();
    for (let k = 0; !this.#stopped; k++) {
      const dueMs = startMs + (k * 1000) / perSecond;
      await sleep(Math.max(0, dueMs - performance.now()), undefined, { signal: this.#signal });
      const sentMs = performance.now();
      await callApi(this.#socketPath, callOf(k, port), this.#signal, this.#agent);
      this.#timesMs.push(performance.now() - sentMs);
    }
    this.#agent.destroy();
  }

  stop(): void {
    this.#stopped = true;
  }

  p99Ms(): number {
    const sorted = this.#timesMs.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  }
}

function callOf(k: number, port: string | null): ApiCall {
  if (port === null) return { method: 'GET', path: '/v1/switch' };
  if (k % 2 === 1) return { method: 'DELETE', path: `/v1/fdb/${VLAN}/${MAC}` };
  return { method: 'POST', path: '/v1/fdb', body: { mac: MAC, vlan: VLAN, port, kind: 'static' } };
}
