/**
 * The generator: a process of its own on its own core, that offers frames from one host or from several by sendmmsg on
 * packet sockets, past the queueing discipline: as fast as one core can, or at a rate.
 *
 * Argument: GeneratorTask as JSON. Prints `ready`, then obeys one GeneratorCommand after the other, each a line of JSON on
 * stdin: prints `sending N` when the first frames are out, and `done N {…}` with GeneratorResult. It ends with its stdin.
 */
import { readSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { O_CLOEXEC, O_RDONLY } from '../../../native-bindings/abi/fcntl.ts';
import { CLONE_NEWNET } from '../../../native-bindings/abi/sched.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { type AddressRange, BATCH_FRAMES, type FrameMix, Sender } from './burst.ts';
import { paceOf, Schedule } from './pacing.ts';
import { Probes, type ProbeSummary } from './probes.ts';

/** An interface in a namespace of /run/netns. */
export interface Place {
  netns: string;
  interfaceIndex: number;
}

export interface GeneratorTask {
  senders: { from: Place; mix: FrameMix }[];
  /** Frames whose latency is measured: which, sent from where, and where they arrive. */
  probes: { from: Place; mix: FrameMix; to: Place } | null;
}

/** Frames at one rate. */
export interface Phase {
  /** Of all senders and probes together; null: as many as one core can, 0: probes only. */
  framesPerSecond: number | null;
  secondsMax: number;
  /** Ends earlier, with exactly so many frames; null: when its time is over. */
  frames: number | null;
}

export interface GeneratorCommand {
  phases: Phase[];
  /** 0: none. They lie at random distances, so that they see queues as they are on average. */
  probesPerSecond: number;
  /** Written into the frames of every sender; null: what the ways say. */
  addresses: AddressRange | null;
}

export interface PhaseResult {
  /** Frames offered, probes included. */
  sent: number;
  seconds: number;
  /** Of these, how many the generator was kept from running and did not make up. */
  lostSeconds: number;
}

export interface GeneratorResult {
  phases: PhaseResult[];
  /** Of all phases; losses are told as seen from the begin of the last one. */
  probes: ProbeSummary | null;
}

/** For the last probes to arrive. */
const PROBES_SETTLE_MS = 200;

class FrameGenerator {
  readonly #senders: Sender[];
  readonly #probes: Probes | null = null;
  #probeIntervalMs = Infinity;
  #nextProbeMs = Infinity;
  #turn = 0;

  constructor({ senders, probes }: GeneratorTask) {
    this.#senders = senders.map(({ from, mix }) => {
      enter(from);
      return new Sender(from.interfaceIndex, mix);
    });
    if (probes === null) return;
    enter(probes.from);
    const sender = new Sender(probes.from.interfaceIndex, probes.mix);
    enter(probes.to);
    this.#probes = new Probes(sender, probes.to.interfaceIndex);
  }

  obey({ phases, probesPerSecond, addresses }: GeneratorCommand, onFirst: () => void): GeneratorResult {
    if (addresses !== null) for (const sender of this.#senders) sender.useAddresses(addresses);
    const firstProbe = this.#probes?.sent ?? 0;
    let firstOfLastPhase = firstProbe;
    this.#probeIntervalMs = 1000 / probesPerSecond;
    this.#nextProbeMs = probesPerSecond > 0 ? performance.now() : Infinity;
    const results = phases.map((phase) => {
      firstOfLastPhase = this.#probes?.sent ?? 0;
      return this.#run(phase, probesPerSecond, onFirst);
    });
    if (this.#probes === null || probesPerSecond === 0) return { phases: results, probes: null };
    const settled = performance.now() + PROBES_SETTLE_MS;
    while (performance.now() < settled) this.#probes.collect();
    return { phases: results, probes: this.#probes.summarise(firstProbe, firstOfLastPhase) };
  }

  #run(phase: Phase, probesPerSecond: number, onFirst: () => void): PhaseResult {
    const { framesPerSecond, secondsMax, frames } = phase;
    const loadPerSecond = framesPerSecond === null ? null : framesPerSecond - probesPerSecond;
    const probesBefore = this.#probes?.sent ?? 0;
    const startMs = performance.now();
    const endMs = startMs + secondsMax * 1000;
    let load = 0;
    let lostMs = 0;
    if (loadPerSecond === null) load = this.#flood(endMs, frames ?? Infinity, onFirst);
    else if (loadPerSecond > 0) {
      const schedule = new Schedule(paceOf(loadPerSecond), startMs);
      load = this.#pace(schedule, endMs, frames ?? Infinity, onFirst);
      lostMs = schedule.lostMs;
    } else {
      onFirst();
      for (let now = startMs; now < endMs; now = performance.now()) this.#probe(now);
    }
    const sent = load + (this.#probes?.sent ?? 0) - probesBefore;
    return { sent, seconds: (performance.now() - startMs) / 1000, lostSeconds: lostMs / 1000 };
  }

  /** @returns the frames sent */
  #flood(endMs: number, frames: number, onFirst: () => void): number {
    let sent = 0;
    for (let now = performance.now(); now < endMs && sent < frames; now = performance.now()) {
      this.#send(Math.min(BATCH_FRAMES, frames - sent));
      if (sent === 0) onFirst();
      sent += Math.min(BATCH_FRAMES, frames - sent);
      this.#probe(now);
    }
    return sent;
  }

  #pace(schedule: Schedule, endMs: number, frames: number, onFirst: () => void): number {
    const { burst } = schedule.pace;
    let sent = 0;
    for (let now = performance.now(); now < endMs && sent < frames; now = performance.now()) {
      if (schedule.take(now)) {
        const count = Math.min(burst, frames - sent);
        this.#send(count);
        if (sent === 0) onFirst();
        sent += count;
      }
      this.#probe(now);
    }
    return sent;
  }

  /** From one sender after the other. */
  #send(frames: number): void {
    this.#senders[this.#turn]!.send(frames);
    this.#turn = (this.#turn + 1) % this.#senders.length;
  }

  #probe(nowMs: number): void {
    if (nowMs < this.#nextProbeMs || this.#probes === null) return;
    this.#probes.collect();
    this.#probes.send();
    this.#nextProbeMs = nowMs + this.#probeIntervalMs * (0.5 + Math.random());
  }
}

function enter(place: Place): void {
  const fd = check('open', sys.open(`/run/netns/${place.netns}`, O_RDONLY | O_CLOEXEC));
  check('setns', sys.setns(fd, CLONE_NEWNET));
  sys.close(fd);
}

/** Lines of stdin, waited for without an event loop: between two commands nothing else is to run. */
function* lines(): Generator<string> {
  const chunk = Buffer.alloc(64 * 1024);
  let text = '';
  for (;;) {
    const bytes = readSync(0, chunk);
    if (bytes === 0) return;
    text += chunk.toString('utf8', 0, bytes);
    const complete = text.split('\n');
    text = complete.pop() ?? '';
    yield* complete;
  }
}

const generator = new FrameGenerator(JSON.parse(process.argv[2] ?? '') as GeneratorTask);
// Now, as it does not end by itself.
flushCompileCache();
writeSync(1, 'ready\n');
let number = 0;
for (const line of lines()) {
  number++;
  let isFirst = true;
  const result = generator.obey(JSON.parse(line) as GeneratorCommand, () => {
    if (isFirst) writeSync(1, `sending ${number}\n`);
    isFirst = false;
  });
  writeSync(1, `done ${number} ${JSON.stringify(result)}\n`);
}
