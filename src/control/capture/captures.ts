/**
 * Captures: pcapng streams of what enters and leaves ports, or of what is dropped. One is asked for, waits for its reader,
 * runs while that reads, and ends when it has got what was asked for, when it is stopped, or when the reader goes. The last
 * ones that have ended stay listed with their counts, so that a reader learns what was missed.
 */
import { randomBytes } from 'node:crypto';
import type { FileProblem } from '../../shared/capture-messages.ts';
import { TswitchError } from '../errors.ts';
import { faultFields, type Log } from '../log.ts';
import type { CaptureEnd, CaptureRequest, CaptureView } from '../model.ts';
import type { CaptureHub } from './capture-hub.ts';
import { captureWish, type CaptureWish } from './capture-request.ts';

/** A capture that nobody reads by then is forgotten. */
const WAITING_MS_MAX = 30_000;
const WAITING_MAX = 64;
const ENDED_KEPT_MAX = 16;

interface Capture {
  readonly id: string;
  readonly wish: CaptureWish;
  state: CaptureView['state'];
  /** Its reader is there. */
  isTaken: boolean;
  started: string | null;
  ended: string | null;
  reason: CaptureEnd | null;
  counts: { frames: number; bytes: number; missed: number };
  sink: number | null;
  /** Forgets it if nobody reads it in time. */
  readonly expiry: NodeJS.Timeout;
  /** Ends it once it runs, for the first reason given. */
  stop: (reason: CaptureEnd) => void;
}

export interface CapturesOptions {
  hub: CaptureHub;
  /** @throws TswitchError PORT_NOT_FOUND */
  checkPort: (name: string) => void;
  log: Log;
}

export class Captures {
  readonly #hub: CaptureHub;
  readonly #checkPort: (name: string) => void;
  readonly #log: Log;
  readonly #captures = new Map<string, Capture>();
  readonly #running = new Set<Promise<void>>();

  constructor({ hub, checkPort, log }: CapturesOptions) {
    this.#hub = hub;
    this.#checkPort = checkPort;
    this.#log = log;
  }

  /** @throws TswitchError BAD_REQUEST, PORT_NOT_FOUND, LIMIT_REACHED */
  add(request: CaptureRequest): CaptureView {
    const wish = captureWish(request);
    for (const name of wish.ports) this.#checkPort(name);
    const waiting = [...this.#captures.values()].filter(({ isTaken }) => !isTaken).length;
    if (waiting >= WAITING_MAX) {
      throw new TswitchError(
        'LIMIT_REACHED',
        `${waiting} captures wait for their readers: read one, or try again later`,
      );
    }
    const id = randomBytes(8).toString('hex');
    const capture: Capture = {
      id,
      wish,
      state: 'waiting',
      isTaken: false,
      started: null,
      ended: null,
      reason: null,
      counts: { frames: 0, bytes: 0, missed: 0 },
      sink: null,
      expiry: setTimeout(() => this.#captures.delete(id), WAITING_MS_MAX).unref(),
      stop: () => {},
    };
    this.#captures.set(id, capture);
    return this.#view(capture);
  }

  list(): CaptureView[] {
    return [...this.#captures.values()].map((capture) => this.#view(capture));
  }

  /** @throws TswitchError CAPTURE_NOT_FOUND */
  show(id: string): CaptureView {
    return this.#view(this.#get(id));
  }

  /**
   * Ends a capture that runs: what was recorded until now still reaches its reader. One that does not is forgotten.
   *
   * @throws TswitchError CAPTURE_NOT_FOUND
   */
  stop(id: string): void {
    const capture = this.#get(id);
    if (capture.isTaken && capture.state !== 'ended') return capture.stop('stopped');
    clearTimeout(capture.expiry);
    this.#captures.delete(id);
  }

  /**
   * The pcapng section, from when the capture runs to its end; it runs once this resolves. Who stops reading ends it.
   *
   * @throws TswitchError CAPTURE_NOT_FOUND, CAPTURE_BUSY, LIMIT_REACHED
   */
  async read(id: string): Promise<ReadableStream<Uint8Array>> {
    const capture = this.#get(id);
    if (capture.isTaken) {
      const why = capture.state === 'ended' ? 'has ended' : 'is being read already';
      throw new TswitchError('CAPTURE_BUSY', `capture ${id} ${why}: start another one with POST /v1/captures`);
    }
    clearTimeout(capture.expiry);
    capture.isTaken = true;
    const stopped = Promise.withResolvers<CaptureEnd>();
    capture.stop = stopped.resolve;
    const section = new Section(() => capture.stop('reader'));
    const onFailed = ({ message }: FileProblem): void => {
      this.#log.warn('capture failed', { capture: id, error: message });
      capture.stop('failed');
    };
    const output = await this.#hub.open({ place: { file: null }, onChunk: section.onChunk, onFailed });
    try {
      await this.#begin(capture, output);
    } catch (error) {
      this.#captures.delete(id);
      await this.#hub.close(output);
      throw error;
    }
    const run = this.#run(capture, output, stopped.promise, section);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
    return section.stream;
  }

  /** Ends them all; their readers get what was recorded. */
  async close(): Promise<void> {
    for (const capture of this.#captures.values()) capture.stop('daemon');
    await Promise.all(this.#running);
  }

  async #begin(capture: Capture, output: number): Promise<void> {
    const { ports, direction, drops, vlans, filter, snaplen, count, maxBytes } = capture.wish;
    capture.sink = await this.#hub.start({
      output,
      ports: ports.length > 0 ? ports : null,
      received: !drops && direction !== 'tx',
      sent: !drops && direction !== 'rx',
      dropped: drops,
      vlans,
      filter,
      snapLength: snaplen,
      framesMax: count ?? Infinity,
      bytesMax: maxBytes,
      onFull: (because) => capture.stop(because === 'frames' ? 'count' : 'size'),
    });
    capture.started = new Date().toISOString();
    capture.state = 'running';
  }

  async #run(capture: Capture, output: number, stopped: Promise<CaptureEnd>, section: Section): Promise<void> {
    const { seconds } = capture.wish;
    const timer = seconds === null ? null : setTimeout(() => capture.stop('seconds'), seconds * 1000);
    const reason = await stopped;
    if (timer) clearTimeout(timer);
    const sink = capture.sink!;
    await this.#hub.end(sink).catch((error: unknown) => this.#log.error('capture ended badly', faultFields(error)));
    capture.counts = this.#hub.counts(sink);
    capture.sink = null;
    capture.ended = new Date().toISOString();
    capture.reason = reason;
    capture.state = 'ended';
    this.#forgetOld();
    await this.#hub.close(output);
    section.end();
  }

  #forgetOld(): void {
    const ended = [...this.#captures.values()].filter(({ state }) => state === 'ended');
    for (const { id } of ended.slice(0, -ENDED_KEPT_MAX)) this.#captures.delete(id);
  }

  #get(id: string): Capture {
    const capture = this.#captures.get(id);
    if (!capture) {
      throw new TswitchError('CAPTURE_NOT_FOUND', `there is no capture ${id}: GET /v1/captures lists those there are`);
    }
    return capture;
  }

  #view({ id, wish, state, started, ended, reason, sink, counts }: Capture): CaptureView {
    const { ports, vlans, direction, drops, filterText, snaplen, count, seconds, maxBytes } = wish;
    const asked = { ports, vlans, direction, drops, filter: filterText, snaplen, count, seconds, maxBytes };
    return { id, state, ...asked, started, ended, reason, ...(sink === null ? counts : this.#hub.counts(sink)) };
  }
}

/** The pieces of a section on their way to the reader, who has taken one when it asks for the next. */
class Section {
  readonly stream: ReadableStream<Uint8Array>;
  readonly onChunk = (bytes: Uint8Array, taken: () => void): void => {
    if (this.#isCancelled) return;
    this.#waiting.push({ bytes, taken });
    this.#pass();
  };
  readonly #waiting: { bytes: Uint8Array; taken: () => void }[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #isEnded = false;
  #isCancelled = false;

  constructor(onCancel: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pass(),
      cancel: () => {
        this.#isCancelled = true;
        onCancel();
      },
    });
  }

  end(): void {
    this.#isEnded = true;
    this.#pass();
  }

  #pass(): void {
    const controller = this.#controller;
    if (!controller || this.#isCancelled) return;
    while ((controller.desiredSize ?? 0) > 0) {
      const next = this.#waiting.shift();
      if (!next) {
        if (this.#isEnded) controller.close();
        return;
      }
      controller.enqueue(next.bytes);
      next.taken();
    }
  }
}
