/**
 * The capture thread: takes what the workers recorded and writes it as pcapng, for all captures and mirror files. It runs at
 * the lowest priority and in coarse steps, so that on a machine without a processor to spare it is captures that miss frames,
 * and not traffic that is held up. Started by file name (control/capture/capture-thread.ts).
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { PORTS_MAX } from '../limits.ts';
import type {
  CaptureCommand,
  CapturePort,
  CaptureReport,
  CaptureThreadStart,
  SinkStart,
} from '../shared/capture-messages.ts';
import { SinkCounts } from '../shared/capture-messages.ts';
import { CaptureRingReader, RECORD } from '../shared/capture-ring.ts';
import { fileProblem } from './capture-file.ts';
import { Output } from './output.ts';

/** On Linux this is of the calling thread alone. */
const LOWEST_PRIORITY = 19;
const STEP_MS = 20;
/** Records between two looks at what the control plane says. */
const RECORDS_PER_TURN = 4096;

interface Sink extends SinkStart {
  to: Output;
  frames: number;
  bytes: number;
  missed: number;
  /** What its counters in the rings showed last, by handle. */
  missedBefore: Map<number, number>;
  /** It has got all it wanted: what still comes is not for it. */
  isFull: boolean;
}

class CaptureThread {
  readonly #start: CaptureThreadStart;
  readonly #report: (report: CaptureReport, transfer?: ArrayBuffer[]) => void;
  readonly #rings: CaptureRingReader[];
  readonly #counts: SinkCounts;
  readonly #outputs = new Map<number, Output>();
  readonly #sinks = new Map<number, Sink>();
  readonly #names = new Map<number, string>();
  #ports: CapturePort[] = [];

  constructor(start: CaptureThreadStart, report: (report: CaptureReport, transfer?: ArrayBuffer[]) => void) {
    this.#start = start;
    this.#report = report;
    this.#rings = start.rings.map((ring) => new CaptureRingReader(ring));
    this.#counts = new SinkCounts(start.counts);
    this.#step();
  }

  obey(command: CaptureCommand): void {
    switch (command.do) {
      case 'ports':
        return this.#know(command.ports);
      case 'open':
        return this.#open(command.output, command.place);
      case 'start':
        return this.#startSink(command.sink);
      case 'end':
        return this.#endSink(command.sink);
      case 'close':
        return this.#close(command.output);
      case 'taken':
        return this.#outputs.get(command.output)?.noteTaken(command.bytes);
    }
  }

  #step(): void {
    const hasMore = this.#drain(RECORDS_PER_TURN);
    this.#countMissed();
    for (const output of this.#outputs.values()) output.flush();
    if (hasMore) setImmediate(() => this.#step());
    else setTimeout(() => this.#step(), STEP_MS);
  }

  /** Names of ports that are gone are still needed for what they left in the rings. */
  #know(ports: CapturePort[]): void {
    this.#countMissed();
    this.#ports = ports;
    for (const { port, name } of ports) this.#names.set(port, name);
  }

  #open(number: number, place: Extract<CaptureCommand, { do: 'open' }>['place']): void {
    try {
      const output = new Output({
        number,
        place,
        application: `tswitch ${this.#start.version}`,
        nameOf: (port) => this.#names.get(port) ?? `port ${port}`,
        now: () => Date.now() * 1000,
        report: this.#report,
      });
      this.#outputs.set(number, output);
      this.#report({ told: 'opened', output: number, problem: null });
    } catch (error) {
      this.#report({ told: 'opened', output: number, problem: fileProblem(error) });
    }
  }

  #startSink(start: SinkStart): void {
    const to = this.#outputs.get(start.output)!;
    this.#drain(Infinity);
    const missedBefore = new Map<number, number>();
    for (let handle = 0; handle < PORTS_MAX; handle++) missedBefore.set(handle, this.#missedIn(start.sink, handle));
    this.#sinks.set(start.sink, { ...start, to, frames: 0, bytes: 0, missed: 0, missedBefore, isFull: false });
    this.#counts.write(start.sink, 0, 0, 0);
    for (const port of start.ports) to.describe(port, start.snapLength);
    to.flush();
    this.#report({ told: 'started', sink: start.sink });
  }

  #endSink(sink: number): void {
    this.#drain(Infinity);
    this.#countMissed();
    this.#sinks.delete(sink);
    this.#report({ told: 'ended', sink, because: 'asked' });
  }

  #close(number: number): void {
    this.#outputs.get(number)?.close();
    this.#outputs.delete(number);
    this.#report({ told: 'closed', output: number });
  }

  /** Takes the records of all rings in the order of their times. @returns whether there are more than `max` */
  #drain(max: number): boolean {
    const heads = this.#rings.map((ring) => ring.next());
    for (let taken = 0; taken < max; taken++) {
      const from = this.#earliest(heads);
      if (from < 0) return false;
      const ring = this.#rings[from]!;
      this.#deliver(ring, heads[from]!);
      ring.release(heads[from]!);
      heads[from] = ring.next();
    }
    return true;
  }

  #earliest(heads: readonly number[]): number {
    let earliest = -1;
    let time = Infinity;
    for (let k = 0; k < heads.length; k++) {
      const head = heads[k]!;
      if (head < 0) continue;
      const at = this.#rings[k]!.times[(head + RECORD.TIME) >>> 1]!;
      if (at < time || earliest < 0) {
        earliest = k;
        time = at;
      }
    }
    return earliest;
  }

  #deliver(ring: CaptureRingReader, record: number): void {
    const micros = Math.round((ring.times[(record + RECORD.TIME) >>> 1]! - this.#start.clockAtEpochMs) * 1000);
    for (let rest = ring.words[record + RECORD.SINKS]!; rest !== 0; rest &= rest - 1) {
      const sink = this.#sinks.get(31 - Math.clz32(rest & -rest));
      if (!sink || sink.isFull) continue;
      if (sink.to.hasRoom) {
        sink.bytes += sink.to.write(ring, record, micros, sink.snapLength);
        sink.frames++;
      } else {
        this.#miss(sink, ring.words[record + RECORD.PORT]!, 1);
      }
      if (sink.frames >= sink.framesMax) this.#fill(sink, 'frames');
      else if (sink.bytes >= sink.bytesMax) this.#fill(sink, 'bytes');
    }
  }

  #fill(sink: Sink, because: 'frames' | 'bytes'): void {
    sink.isFull = true;
    this.#write(sink);
    this.#report({ told: 'ended', sink: sink.sink, because });
  }

  /** What found no room in the rings since the last look. */
  #countMissed(): void {
    for (const sink of this.#sinks.values()) {
      if (sink.isFull) continue;
      for (const { port, handle } of this.#ports) {
        const missed = this.#missedIn(sink.sink, handle);
        const more = (missed - sink.missedBefore.get(handle)!) >>> 0;
        sink.missedBefore.set(handle, missed);
        if (more > 0) this.#miss(sink, port, more);
      }
      this.#write(sink);
    }
  }

  #miss(sink: Sink, port: number, frames: number): void {
    sink.missed += frames;
    sink.to.noteMissed(port, frames, sink.snapLength);
  }

  #write({ sink, frames, bytes, missed }: Sink): void {
    this.#counts.write(sink, frames, bytes, missed);
  }

  /** Modulo 2^32. */
  #missedIn(sink: number, handle: number): number {
    return this.#rings.reduce((sum, ring) => (sum + ring.missed(sink, handle)) >>> 0, 0);
  }
}

setPriority(LOWEST_PRIORITY);
// What it is started with is what the control plane says it is.
const thread = new CaptureThread(workerData as CaptureThreadStart, (report, transfer) =>
  parentPort?.postMessage(report, transfer ?? []),
);
parentPort?.on('message', (command: CaptureCommand) => thread.obey(command));
