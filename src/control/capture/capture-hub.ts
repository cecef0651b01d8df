/**
 * Recording, for captures and mirror files alike: sinks, which say what is wanted, and outputs, which sinks write to. Tells the
 * workers what to record and the capture thread where to write it. The thread and the workers' rings are there only while
 * somebody wants something.
 */
import { Worker } from 'node:worker_threads';
import type { Filter } from '../../frame/filter.ts';
import type {
  CaptureCommand,
  CaptureReport,
  CaptureThreadStart,
  FileProblem,
  OutputPlace,
} from '../../shared/capture-messages.ts';
import { SinkCounts } from '../../shared/capture-messages.ts';
import { CAPTURE_RING_BYTES, SINKS_MAX } from '../../shared/capture-ring.ts';
import type { CaptureOrders, Command } from '../../shared/commands.ts';
import { programFile } from '../../program-file.ts';
import { VERSION } from '../../version.ts';
import { TswitchError } from '../errors.ts';
import { refusedFile } from './refused-file.ts';

const THREAD_FILE = programFile(import.meta.url, '../../capture/capture-thread');
/** The next capture often comes soon after one has ended. */
const IDLE_MS = 5000;

/** A port of the switch, by the record that stands for it through losses and returns. */
export interface HubPort {
  record: object;
  handle: number;
  name: string;
}

export interface SinkWish {
  output: number;
  /** Names; null: all, also those that come later. */
  ports: readonly string[] | null;
  received: boolean;
  sent: boolean;
  /** Frames that are dropped, on arrival or at the port that they were to leave by. */
  dropped: boolean;
  vlans: readonly number[];
  filter: Filter | null;
  snapLength: number;
  framesMax: number;
  bytesMax: number;
  /** It has got all it wanted. Not called once `end` has been. */
  onFull: (because: 'frames' | 'bytes') => void;
}

export interface OutputWish {
  place: OutputPlace;
  /** A piece of a stream. `taken` is to be called when it is with its taker. */
  onChunk?: (bytes: Uint8Array, taken: () => void) => void;
  /** Nothing can be written any more. */
  onFailed: (problem: FileProblem) => void;
}

export interface CaptureHubOptions {
  workers: number;
  /** Sends each worker its commands and waits until all have carried them out. */
  command: (commandsFor: (worker: number) => Command[]) => Promise<void>;
  ports: () => HubPort[];
  /** Milliseconds of the clock that FDB ticks are of. */
  clock: () => number;
}

/** What wants nothing: it is about to begin, or has ended. */
function mute(wish: SinkWish): SinkWish {
  return { ...wish, received: false, sent: false, dropped: false, onFull: () => {} };
}

export class CaptureHub {
  readonly #options: CaptureHubOptions;
  readonly #sinks = new Map<number, SinkWish>();
  readonly #outputs = new Map<number, OutputWish>();
  readonly #answers = new Map<string, (report: CaptureReport) => void>();
  readonly #numbers = new WeakMap<object, number>();
  readonly #countsBuffer = SinkCounts.allocate();
  readonly #counts = new SinkCounts(this.#countsBuffer);
  #rings: SharedArrayBuffer[] = [];
  #thread: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #nextOutput = 0;
  #nextPort = 0;

  constructor(options: CaptureHubOptions) {
    this.#options = options;
  }

  /** @throws TswitchError where the file cannot be written */
  async open(wish: OutputWish): Promise<number> {
    const output = this.#nextOutput++;
    this.#outputs.set(output, wish);
    this.#wakeThread();
    const report = await this.#ask({ do: 'open', output, place: wish.place }, `opened ${output}`);
    if (report.told === 'opened' && report.problem) {
      this.#forgetOutput(output);
      throw refusedFile(wish.place.file ?? '', report.problem);
    }
    return output;
  }

  /** @throws TswitchError LIMIT_REACHED */
  async start(wish: SinkWish): Promise<number> {
    const sink = this.#freeSink();
    this.#sinks.set(sink, mute(wish));
    this.#tellPorts();
    const { output, snapLength, framesMax, bytesMax } = wish;
    const ports = this.#options.ports().filter(({ name }) => wish.ports?.includes(name) ?? true);
    const numbers = ports.map((port) => this.#numberOf(port));
    const start = { sink, output, snapLength, framesMax, bytesMax, ports: numbers };
    await this.#ask({ do: 'start', sink: start }, `started ${sink}`);
    this.#sinks.set(sink, wish);
    await this.#command();
    return sink;
  }

  /** Everything recorded for the sink until now is written when this resolves. */
  async end(sink: number): Promise<void> {
    const wish = this.#sinks.get(sink);
    if (!wish) return;
    this.#sinks.set(sink, mute(wish));
    try {
      await this.#command();
    } finally {
      if (this.#thread) await this.#ask({ do: 'end', sink }, `ended ${sink}`);
      this.#sinks.delete(sink);
    }
  }

  async close(output: number): Promise<void> {
    if (!this.#outputs.has(output)) return;
    if (this.#thread) await this.#ask({ do: 'close', output }, `closed ${output}`);
    this.#forgetOutput(output);
  }

  counts(sink: number): { frames: number; bytes: number; missed: number } {
    return this.#counts.read(sink);
  }

  /** Ports are going to be given to the workers: commands to go with them, so that they are recorded from their first frame on. */
  portsComing(): (worker: number) => Command[] {
    if (this.#sinks.size > 0) this.#tellPorts();
    return (worker) => this.snapshot(worker);
  }

  /** A port went. What this tells the workers is told before anything else is. */
  portGone(): void {
    if (this.#sinks.size === 0) return;
    this.#tellPorts();
    // Nobody waits for it: there are no frames of that port any more.
    void this.#command().catch(() => {});
  }

  /** Commands that bring a worker that starts now to what the others record. */
  snapshot(worker: number): Command[] {
    return this.#sinks.size === 0 ? [] : [{ do: 'capture', orders: this.#orders(worker) }];
  }

  /** After the workers have ended. */
  async shutDown(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    for (const output of this.#outputs.keys()) await this.close(output);
    if (this.#idle) clearTimeout(this.#idle);
    await this.#endThread();
  }

  #freeSink(): number {
    for (let sink = 0; sink < SINKS_MAX; sink++) if (!this.#sinks.has(sink)) return sink;
    throw new TswitchError(
      'LIMIT_REACHED',
      `there are ${SINKS_MAX} captures and mirror files already: stop one first (GET /v1/captures lists the captures)`,
    );
  }

  #command(): Promise<void> {
    const orders = (worker: number): CaptureOrders | null => (this.#sinks.size === 0 ? null : this.#orders(worker));
    return this.#options.command((worker) => [{ do: 'capture', orders: orders(worker) }]);
  }

  #orders(worker: number): CaptureOrders {
    const sinks = [...this.#sinks];
    const bits = (name: string, wanted: (wish: SinkWish) => boolean): number =>
      sinks.reduce((mask, [sink, wish]) => {
        return wanted(wish) && (wish.ports?.includes(name) ?? true) ? mask | (1 << sink) : mask;
      }, 0);
    return {
      ring: this.#rings[worker]!,
      sinks: sinks.map(([sink, { snapLength, vlans, filter }]) => ({ sink, snapLength, vlans, filter })),
      ports: this.#options.ports().map((port) => ({
        handle: port.handle,
        port: this.#numberOf(port),
        received: bits(port.name, ({ received }) => received),
        sent: bits(port.name, ({ sent }) => sent),
        dropped: bits(port.name, ({ dropped }) => dropped),
      })),
    };
  }

  #numberOf({ record }: HubPort): number {
    let number = this.#numbers.get(record);
    if (number === undefined) {
      number = this.#nextPort++;
      this.#numbers.set(record, number);
    }
    return number;
  }

  #tellPorts(): void {
    const ports = this.#options.ports().map((port) => {
      return { port: this.#numberOf(port), handle: port.handle, name: port.name };
    });
    this.#tell({ do: 'ports', ports });
  }

  #tell(command: CaptureCommand): void {
    this.#thread?.postMessage(command);
  }

  #ask(command: CaptureCommand, key: string): Promise<CaptureReport> {
    const { promise, resolve } = Promise.withResolvers<CaptureReport>();
    this.#answers.set(key, resolve);
    this.#tell(command);
    return promise;
  }

  #onReport(report: CaptureReport): void {
    switch (report.told) {
      case 'opened':
      case 'closed':
        return this.#answer(`${report.told} ${report.output}`, report);
      case 'started':
        return this.#answer(`started ${report.sink}`, report);
      case 'ended':
        if (report.because === 'asked') return this.#answer(`ended ${report.sink}`, report);
        return this.#sinks.get(report.sink)?.onFull(report.because);
      case 'failed':
        return this.#outputs.get(report.output)?.onFailed(report.problem);
      case 'chunk': {
        const { output, bytes } = report;
        const taken = (): void => this.#tell({ do: 'taken', output, bytes: bytes.length });
        return this.#outputs.get(output)?.onChunk?.(bytes, taken);
      }
    }
  }

  #answer(key: string, report: CaptureReport): void {
    this.#answers.get(key)?.(report);
    this.#answers.delete(key);
  }

  #wakeThread(): void {
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = null;
    if (this.#thread) return;
    const { workers, clock } = this.#options;
    this.#rings = Array.from({ length: workers }, () => new SharedArrayBuffer(CAPTURE_RING_BYTES));
    const clockAtEpochMs = clock() - Date.now();
    const start: CaptureThreadStart = {
      rings: this.#rings,
      counts: this.#countsBuffer,
      clockAtEpochMs,
      version: VERSION,
    };
    const thread = new Worker(THREAD_FILE, { workerData: start, name: 'capture' });
    thread.on('message', (report: CaptureReport) => this.#onReport(report));
    thread.on('error', (error) => this.#onThreadError(thread, error));
    thread.unref();
    this.#thread = thread;
  }

  /** Whoever waits for it must not wait for ever. */
  #onThreadError(thread: Worker, error: unknown): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    const problem = { code: 'EIO', message: error instanceof Error ? error.message : String(error) };
    for (const [key, resolve] of this.#answers) {
      const [, number = 0] = key.split(' ').map(Number);
      resolve({ told: 'opened', output: number, problem });
    }
    this.#answers.clear();
    for (const { onFailed } of this.#outputs.values()) onFailed(problem);
  }

  #forgetOutput(output: number): void {
    this.#outputs.delete(output);
    if (this.#outputs.size > 0 || this.#idle) return;
    this.#idle = setTimeout(() => void this.#endThread(), IDLE_MS).unref();
  }

  async #endThread(): Promise<void> {
    this.#idle = null;
    const thread = this.#thread;
    this.#thread = null;
    this.#rings = [];
    await thread?.terminate();
  }
}
