/**
 * Recordings: the exact inputs of the workers, for `tswitch replay`. One is asked for, waits for its reader, runs while that
 * reads, and ends when it has got what was asked for, is full, is stopped, or the reader goes. Its bound is the memory it lies
 * in: so nothing is missing in its middle, and no worker waits for anybody.
 */
import { randomBytes } from 'node:crypto';
import type { Command } from '../../shared/commands.ts';
import { endBlocks, RecordingBuffer, type RecordingEndReason } from '../../shared/recording.ts';
import { VERSION } from '../../version.ts';
import { boundsOf } from '../bounds.ts';
import { TswitchError } from '../errors.ts';
import { faultFields, type Log } from '../log.ts';
import type { Bounds, RecordingControl, RecordingView } from '../model.ts';
import { RecordingStream } from './recording-stream.ts';
import { RECORDING_LIMITS } from './recording-bounds.ts';

/** A recording that nobody reads by then is forgotten. */
const WAITING_MS_MAX = 30_000;
const KEPT_MAX = 16;
const LOOK_MS = 50;
/** Of the FDB: so they take no more than a tenth or two of a worker's time, whoever changes it however often. */
const IMAGES_PER_TICK_MAX = 2;

interface Recording {
  readonly id: string;
  readonly wish: Required<Bounds>;
  state: RecordingView['state'];
  started: string | null;
  ended: string | null;
  reason: RecordingEndReason | null;
  sections: RecordingBuffer[];
  counts: { frames: number; bytes: number };
}

interface Running {
  readonly recording: Recording;
  readonly stream: RecordingStream;
  readonly look: NodeJS.Timeout;
}

export interface RecordingsOptions {
  workers: number;
  /** Sends each worker its commands and waits until all have carried them out. */
  command: (commandsFor: (worker: number) => Command[]) => Promise<void>;
  /** Milliseconds of the clock that FDB ticks are of. */
  clock: () => number;
  log: Log;
}

export class Recordings implements RecordingControl {
  readonly #options: RecordingsOptions;
  readonly #recordings = new Map<string, Recording>();
  #running: Running | null = null;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: RecordingsOptions) {
    this.#options = options;
  }

  /** @throws TswitchError BAD_REQUEST */
  add(request: Bounds): RecordingView {
    const wish = boundsOf(request, RECORDING_LIMITS);
    const id = randomBytes(8).toString('hex');
    const counts = { frames: 0, bytes: 0 };
    this.#recordings.set(id, {
      id,
      wish,
      state: 'waiting',
      started: null,
      ended: null,
      reason: null,
      sections: [],
      counts,
    });
    this.#forgetOld();
    setTimeout(() => {
      if (this.#recordings.get(id)?.state === 'waiting') this.#recordings.delete(id);
    }, WAITING_MS_MAX).unref();
    return this.show(id);
  }

  list(): RecordingView[] {
    return [...this.#recordings.keys()].map((id) => this.show(id));
  }

  /** @throws TswitchError RECORDING_NOT_FOUND */
  show(id: string): RecordingView {
    const { wish, state, started, ended, reason, sections, counts } = this.#get(id);
    const sum = (of: (section: RecordingBuffer) => number): number => sections.reduce((all, each) => all + of(each), 0);
    const now =
      state === 'running' ? { frames: sum(({ frames }) => frames), bytes: sum(({ written }) => written) } : counts;
    return { id, state, ...wish, workers: this.#options.workers, started, ended, reason, ...now };
  }

  /**
   * Ends one that runs: what was recorded until now still reaches its reader. One that waits is forgotten.
   *
   * @throws TswitchError RECORDING_NOT_FOUND
   */
  async stop(id: string): Promise<void> {
    const { state } = this.#get(id);
    if (state === 'running') await this.#end('stopped');
    else if (state === 'waiting') this.#recordings.delete(id);
  }

  /**
   * The recording, from when it runs to its end; it runs once this resolves. Who stops reading ends it.
   *
   * @throws TswitchError RECORDING_NOT_FOUND, RECORDING_BUSY
   */
  async read(id: string): Promise<ReadableStream<Uint8Array>> {
    const recording = this.#get(id);
    if (recording.state !== 'waiting' || this.#running) {
      const why = recording.state === 'ended' ? 'this one has ended' : `${this.#running?.recording.id ?? id} runs`;
      throw new TswitchError(
        'RECORDING_BUSY',
        `there is one recording at a time, and ${why}: ask for another one later`,
      );
    }
    const { workers, command, clock } = this.#options;
    const { maxBytes, count, seconds } = recording.wish;
    const bytes = Math.floor(maxBytes / workers);
    const buffers = Array.from({ length: workers }, () => RecordingBuffer.allocate(bytes));
    recording.sections = buffers.map((buffer) => new RecordingBuffer(buffer));
    recording.state = 'running';
    recording.started = new Date().toISOString();
    const stream = new RecordingStream(recording.sections, () => void this.#end('reader'));
    const until = seconds === null ? Infinity : performance.now() + seconds * 1000;
    const look = setInterval(() => this.#look(until), LOOK_MS).unref();
    this.#running = { recording, stream, look };
    const startedMs = Date.now();
    const orders = {
      framesMax: count ?? Infinity,
      imagesPerTickMax: IMAGES_PER_TICK_MAX,
      workers,
      version: VERSION,
      startedMs,
      clockAtEpochMs: clock() - startedMs,
    };
    try {
      await command((worker) => [{ do: 'record', orders: { buffer: buffers[worker]!, ...orders } }]);
    } catch (error) {
      await this.#end('daemon');
      throw error;
    }
    return stream.stream;
  }

  /** A worker was replaced: what it got until then is all there is of it. */
  onWorkerEnded(): void {
    if (this.#running) void this.#end('worker');
  }

  /** While the workers still work: what they have recorded reaches who reads it. */
  async close(): Promise<void> {
    await this.#end('daemon');
  }

  #look(until: number): void {
    const { recording } = this.#running!;
    const { count } = recording.wish;
    const frames = recording.sections.reduce((sum, section) => sum + section.frames, 0);
    if (count !== null && frames >= count) void this.#end('count');
    else if (recording.sections.some(({ isEnded }) => isEnded)) void this.#end('size');
    else if (performance.now() >= until) void this.#end('seconds');
  }

  /** For the first reason given. */
  #end(reason: RecordingEndReason): Promise<void> {
    const running = this.#running;
    if (running) {
      this.#running = null;
      this.#ending = this.#finish(running, reason);
    }
    return this.#ending;
  }

  async #finish({ recording, stream, look }: Running, reason: RecordingEndReason): Promise<void> {
    clearInterval(look);
    try {
      await this.#options.command(() => [{ do: 'end-record', reason }]);
    } catch (error) {
      this.#options.log.error('recording ended badly', faultFields(error));
    }
    // Of a worker that is no more.
    for (const section of recording.sections) section.end(endBlocks({ reason, frames: section.frames }));
    recording.ended = new Date().toISOString();
    recording.reason = reason;
    const { frames, bytes } = this.show(recording.id);
    recording.counts = { frames, bytes };
    recording.state = 'ended';
    recording.sections = [];
    stream.complete();
  }

  #forgetOld(): void {
    const idle = [...this.#recordings.values()].filter(({ state }) => state !== 'running');
    for (const { id } of idle.slice(0, -KEPT_MAX)) this.#recordings.delete(id);
  }

  #get(id: string): Recording {
    const recording = this.#recordings.get(id);
    if (recording) return recording;
    throw new TswitchError(
      'RECORDING_NOT_FOUND',
      `there is no recording ${id}: GET /v1/recordings lists those there are`,
    );
  }
}
