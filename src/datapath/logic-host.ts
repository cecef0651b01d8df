/**
 * The loaded logics of one worker: asks each in turn, the built-in one last, and those in shadow beside them. Made when there is
 * one; without it the data path asks the built-in one itself, and nothing here costs anything.
 */
import { getHeapStatistics } from 'node:v8';
import type { Batch } from '../frame/batch.ts';
import type { LogicLoad, LogicReport } from '../shared/logic-load.ts';
import type { AnyLogic, LogicInstance } from '../switching/logic.ts';
import { dropNamesOf, LogicCount } from '../switching/logic-counters.ts';
import type { SetupParts } from '../switching/logic-setup.ts';
import type { Egress } from './egress.ts';
import { faultOf } from './logic-fault.ts';
import { LogicOutbox } from './logic-outbox.ts';
import { LogicRunner, type RunnerOptions } from './logic-runner.ts';
import { LogicShadow } from './logic-shadow.ts';

/** A worker's memory may grow by so much while logics are loaded; then the youngest of them is taken for the cause. */
export const LOGIC_HEAP_BYTES_MAX = 256 * 1024 * 1024;
/** Of the limit of a thread's heap, one part may be held by logics that are unloaded. */
const HEAP_PARTS = 4;

export interface HostOptions {
  /** Decides what no loaded logic does. */
  base: LogicInstance;
  parts: Omit<SetupParts, 'sender'>;
  batch: Batch;
  /** Offset of LOGIC_BUFFER_BYTES in the batch's memory. */
  bufferAt: number;
  /** Where the id of the logic that runs is written. */
  inLogic: Int32Array;
  batchMsMax: number;
  /** Gives the definition in a load's module. */
  open: (load: LogicLoad) => AnyLogic;
  report: (report: LogicReport) => void;
}

export class LogicHost implements LogicInstance {
  readonly #options: HostOptions;
  readonly #outbox: LogicOutbox;
  /** The reason of its own that a live logic gave frame `i` of the last batch; null: none. */
  readonly #reasonOf = (i: number): string | null => {
    const live = this.#live;
    for (let k = 0; k < live.length; k++) if (live[k]!.gave[i] === 1) return live[k]!.reasonOf(i);
    return null;
  };
  #live: LogicRunner[] = [];
  #shadows: LogicShadow[] = [];
  #heapBytes = heapBytes();
  #ticked = -1;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#outbox = new LogicOutbox(options.parts, options.batch.bytes, options.bufferAt);
  }

  /** The logics from now on. Those that are as before go on; one that cannot be made is reported and left out. */
  use(loads: readonly LogicLoad[]): void {
    const beganMs = performance.now();
    const before = this.#runners();
    const isUnchanged = (load: LogicLoad): boolean =>
      before.some((runner) => runner.load.id === load.id && runner.load.revision === load.revision);
    const live = loads.filter(({ isShadow }) => !isShadow);
    this.#live = live.flatMap((load) => {
      const kept = this.#live.find((runner) => runner.load.id === load.id && isUnchanged(load));
      return kept ?? this.#make(load, (options) => new LogicRunner({ ...options, outbox: this.#outbox })) ?? [];
    });
    this.#shadows = loads
      .filter(({ isShadow }) => isShadow)
      .flatMap((load) => {
        const kept = this.#shadows.find(({ runner }) => runner.load.id === load.id && isUnchanged(load));
        return kept ?? this.#make(load, (options) => new LogicShadow(options)) ?? [];
      });
    for (const shadow of this.#shadows) {
      shadow.replaces = this.#live.find(({ load }) => load.name === shadow.runner.load.name) ?? null;
    }
    this.#heapBytes = heapBytes();
    const tookMicros = (performance.now() - beganMs) * 1000;
    for (const runner of this.#runners()) {
      if (!before.includes(runner)) runner.counts[LogicCount.EXCHANGE_MICROS] = tookMicros;
    }
  }

  portsChanged(now: number): void {
    for (const runner of this.#all()) this.#guarded(runner.load.id, () => runner.portsChanged(now));
  }

  decide(batch: Batch, now: number): void {
    const live = this.#live;
    if (this.#shadows.length === 0) {
      for (let k = 0; k < live.length; k++) live[k]!.run(batch, now);
      this.#options.base.decide!(batch, now);
      return;
    }
    for (let k = 0; k < live.length; k++) this.#runWithShadow(live[k]!, batch, now);
    // Those that take nobody's place stand behind all others.
    this.#runWithShadow(null, batch, now);
    this.#options.base.decide!(batch, now);
    const shadows = this.#shadows;
    for (let k = 0; k < shadows.length; k++) shadows[k]!.compare(batch, now, this.#reasonOf);
  }

  /** @param live null: for shadows that take nobody's place */
  #runWithShadow(live: LogicRunner | null, batch: Batch, now: number): void {
    const shadows = this.#shadows;
    for (let k = 0; k < shadows.length; k++) if (shadows[k]!.replaces === live) shadows[k]!.capture(batch);
    live?.run(batch, now);
    for (let k = 0; k < shadows.length; k++) if (shadows[k]!.replaces === live) shadows[k]!.run(batch, now);
  }

  /** Sends what the logics want to have sent. @param batch null: after ticks */
  flush(egress: Egress, batch: Batch | null): void {
    this.#outbox.flush(egress, batch);
  }

  /** Once per FDB tick, between batches. */
  hostTick(now: number, egress: Egress): void {
    if (now === this.#ticked) return;
    this.#ticked = now;
    let ran = false;
    for (const runner of this.#all()) ran = runner.tick(now) || ran;
    if (ran) this.#outbox.flush(egress, null);
    if (heapBytes() - this.#heapBytes <= LOGIC_HEAP_BYTES_MAX) return;
    const youngest = this.#all().sort((a, b) => b.load.id - a.load.id)[0];
    youngest?.suspend('memory', `the worker's heap grew by more than ${LOGIC_HEAP_BYTES_MAX / 2 ** 20} MiB`);
    this.#heapBytes = heapBytes();
  }

  /** Who gave frame `i` of the last batch its verdict, and for which reason of its own; null: the built-in logic. */
  decided(i: number): { runner: LogicRunner; reason: string | null } | null {
    const runner = this.#live.find(({ gave }) => gave[i] === 1);
    return runner ? { runner, reason: runner.reasonOf(i) } : null;
  }

  /** The same as a number: which of the live logics it was (from 1; 0: none) times 256, and which of its reasons (from 1). */
  decisionOf(i: number): number {
    const live = this.#live;
    for (let k = 0; k < live.length; k++) if (live[k]!.gave[i] === 1) return ((k + 1) << 8) | (live[k]!.reason[i]! + 1);
    return 0;
  }

  /** Names of the drop reasons of a live logic; null: there is none with this id. */
  dropsOf(id: number): readonly string[] | null {
    const runner = this.#live.find(({ load }) => load.id === id);
    return runner ? dropNamesOf(runner.logic) : null;
  }

  #all(): LogicRunner[] {
    return this.#runners().filter(({ isSuspended }) => !isSuspended);
  }

  #runners(): LogicRunner[] {
    return [...this.#live, ...this.#shadows.map(({ runner }) => runner)];
  }

  #make<T>(load: LogicLoad, make: (options: Omit<RunnerOptions, 'outbox'>) => T): T | null {
    const { open, parts, batch, inLogic, batchMsMax, report } = this.#options;
    try {
      return this.#guarded(load.id, () => {
        const logic = open(load);
        return make({
          load,
          logic,
          parts: { ...parts, sender: this.#outbox },
          batch,
          inLogic,
          batchMsMax,
          report,
        });
      });
    } catch (error) {
      report({ logic: load.id, fault: faultOf('load', error, null, -1), isSuspended: true });
      return null;
    }
  }

  /** Says who runs, as long as it does. */
  #guarded<T>(id: number, action: () => T): T {
    const { inLogic } = this.#options;
    inLogic[0] = id;
    try {
      return action();
    } finally {
      inLogic[0] = 0;
    }
  }
}

/** Whether this thread's memory is so full that what unloaded logics hold must go with the thread: modules are never unloaded. */
export function isHeapFull(): boolean {
  return heapBytes() > getHeapStatistics().heap_size_limit / HEAP_PARTS;
}

function heapBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
