/** Asks the API for its health over and over, and notes how long each answer took. */
import { request } from 'node:http';

const PAUSE_MS = 10;
const TIMEOUT_MS = 30_000;

export interface ApiTimes {
  asked: number;
  /** Answers that were not 200, and requests without one. */
  failed: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export class ApiProbe {
  readonly #socket: string;
  readonly #times: number[] = [];
  readonly #running: Promise<void>;
  #failed = 0;
  #stopped = false;

  /** Starts at once. @param socket path of the API's Unix socket */
  constructor(socket: string) {
    this.#socket = socket;
    this.#running = this.#run();
  }

  async stop(): Promise<ApiTimes> {
    this.#stopped = true;
    await this.#running;
    const sorted = this.#times.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
    return { asked: sorted.length, failed: this.#failed, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? NaN };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const startMs = performance.now();
      if (!(await this.#ask())) this.#failed++;
      this.#times.push(performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const options = { socketPath: this.#socket, path: '/healthz', headers: { host: 'localhost' }, agent: false };
      const asked = request({ ...options, timeout: TIMEOUT_MS }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode === 200));
        response.on('error', () => resolve(false));
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(false));
      asked.end();
    });
  }
}

/** For print. */
export function toldTimes({ asked, failed, p50Ms, p99Ms, maxMs }: ApiTimes): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return `API: ${asked} requests, ${failed} failed, p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, max ${ms(maxMs)}`;
}
