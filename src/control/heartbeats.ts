/**
 * The workers' heartbeats as the control plane watches them. One that stands still in a worker that is not asleep is a hang
 * if that worker had the processor meanwhile: on a machine that is too busy to run it, a replacement would get no time either.
 */
import { readFileSync } from 'node:fs';
import { ASLEEP, type Board, HEARTBEAT, THREAD } from '../shared/board.ts';

const CHECK_MS = 50;
/** While all are asleep: none can hang before it has woken, and then the checks above still find it within a second. */
const ASLEEP_CHECK_MS = 300;
/** A hang is one for so many checks, so that the share of the frames flows again within a second. */
const CHECKS_UNTIL_HUNG = 6;
/** Processor time without a beat: the longest turn takes some milliseconds. */
const HUNG_CPU_MS = 100;
/** After so many checks it is taken for hung whatever it used: it must be stuck in the kernel. */
const CHECKS_UNTIL_STUCK = 100;
/** USER_HZ, the unit of times in /proc: 100 on every architecture (proc(5)). */
const MS_PER_CLOCK_TICK = 10;

interface Pulse {
  heartbeat: number;
  stillChecks: number;
  /** Processor time of the thread when its heartbeat was first found standing still. */
  stillSinceCpuMs: number;
  isHung: boolean;
}

export class Heartbeats {
  readonly #board: Board;
  readonly #pulses: Pulse[];
  readonly #onHung: (worker: number) => void;
  #timer: NodeJS.Timeout;

  /** @param onHung called once per hang; which lasts until `ended` is called */
  constructor(board: Board, workers: number, onHung: (worker: number) => void) {
    this.#board = board;
    this.#pulses = Array.from({ length: workers }, newPulse);
    this.#onHung = onHung;
    this.#timer = this.#checkIn(CHECK_MS);
  }

  isHung(worker: number): boolean {
    return this.#pulses[worker]!.isHung;
  }

  /** The worker has ended. Its successor does not beat while it loads, and the last beat of the old one says nothing of it. */
  ended(worker: number): void {
    const { words } = this.#board;
    const page = this.#board.page(worker);
    words[page + HEARTBEAT] = 0;
    Atomics.store(words, page + ASLEEP, 0);
    this.#pulses[worker] = newPulse();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #checkIn(ms: number): NodeJS.Timeout {
    const check = (): void => {
      const areAsleep = this.#checkAll();
      this.#timer = this.#checkIn(areAsleep ? ASLEEP_CHECK_MS : CHECK_MS);
    };
    return setTimeout(check, ms).unref();
  }

  /** @returns whether all workers are asleep */
  #checkAll(): boolean {
    const { words } = this.#board;
    let areAsleep = true;
    for (const [worker, pulse] of this.#pulses.entries()) {
      const page = this.#board.page(worker);
      const heartbeat = words[page + HEARTBEAT]!;
      const isAsleep = Atomics.load(words, page + ASLEEP) === 1;
      const isStill = heartbeat === pulse.heartbeat && !isAsleep && heartbeat !== 0;
      areAsleep &&= isAsleep;
      pulse.heartbeat = heartbeat;
      if (!isStill) pulse.stillChecks = 0;
      else if (!pulse.isHung && this.#isHungNow(pulse, words[page + THREAD]!)) {
        pulse.isHung = true;
        this.#onHung(worker);
      }
    }
    return areAsleep;
  }

  #isHungNow(pulse: Pulse, thread: number): boolean {
    if (++pulse.stillChecks === 1) pulse.stillSinceCpuMs = threadCpuMs(thread);
    if (pulse.stillChecks < CHECKS_UNTIL_HUNG) return false;
    // Where /proc does not tell, both are NaN.
    const usedMs = threadCpuMs(thread) - pulse.stillSinceCpuMs;
    return !(usedMs < HUNG_CPU_MS) || pulse.stillChecks >= CHECKS_UNTIL_STUCK;
  }
}

function newPulse(): Pulse {
  return { heartbeat: 0, stillChecks: 0, stillSinceCpuMs: 0, isHung: false };
}

/** User and system time of a thread of this process (proc(5), fields 14 and 15 of stat); NaN where that cannot be had. */
function threadCpuMs(thread: number): number {
  try {
    const line = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    // The second field is the name, in brackets, and may hold spaces and brackets; `state` follows, which is the third.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[14 - 3]) + Number(fields[15 - 3])) * MS_PER_CLOCK_TICK;
  } catch {
    return NaN;
  }
}
