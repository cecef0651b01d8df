/**
 * Runs one loaded logic and contains what goes wrong in it. Before a batch, all that a verdict may touch is put aside; if the
 * logic throws, takes too long or says what means nothing, the batch is put back and left to whom is asked next: no frame is
 * lost. Who fails too often is asked no more. A logic that does not come back at all is found by the supervisor of the
 * workers, by a word of shared memory which says who was being asked.
 */
import type { Batch } from '../frame/batch.ts';
import * as limits from '../limits.ts';
import type { LogicFault, LogicFaultKind, LogicLoad, LogicReport } from '../shared/logic-load.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import { innerKey } from '../switching/inner-tag.ts';
import type { AnyLogic, LogicInstance } from '../switching/logic.ts';
import * as logicCounters from '../switching/logic-counters.ts';
import { dropNamesOf } from '../switching/logic-counters.ts';
import { Frame } from '../switching/logic-frame.ts';
import { countsOf, createInstance, type SetupParts } from '../switching/logic-setup.ts';
import * as verdicts from '../switching/verdict.ts';
import { drop } from '../switching/verdict.ts';
import { faultOf } from './logic-fault.ts';
import type { LogicOutbox } from './logic-outbox.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { BATCH_FRAMES_MAX, PORTS_MAX, VID_MAX, VID_MIN, VLANS } = limits;
const { DROP_REASONS, Drop } = dropReasons;
const { FIRST_OWN_COUNT, LogicCount } = logicCounters;
const { FIRST_DROP, FIRST_OWN_DROP, FLOOD, UNDECIDED } = verdicts;

/** In a worker, a batch that takes longer is put back. A garbage collection takes some milliseconds. */
export const LOGIC_BATCH_MS_MAX = 50;
/** So many faults within FAULT_WINDOW_TICKS are too many. */
export const LOGIC_FAULTS_MAX = 10;
const FAULT_WINDOW_TICKS = 100;

/** Instead of UNDECIDED for frames that the logic is not asked for. */
const HIDDEN = -2;
/** Instead of a verdict that is no whole number. */
const NO_INTEGER = 0x7fffffff;
const LOGIC_DROP = drop(Drop.LOGIC);
/** In `reason`: the logic gave no reason of its own. */
const NO_REASON = -1;

export interface RunnerOptions {
  load: LogicLoad;
  logic: AnyLogic;
  parts: SetupParts;
  batch: Batch;
  /** What is sent while the logic runs can be taken back; null in shadow, where nothing is sent. */
  outbox: LogicOutbox | null;
  /** Where the id of the logic that runs is written. */
  inLogic: Int32Array;
  /** A batch or a tick that takes longer has failed. Infinity where time is not the clock's. */
  batchMsMax: number;
  report: (report: LogicReport) => void;
}

export class LogicRunner {
  readonly load: LogicLoad;
  readonly logic: AnyLogic;
  readonly counts: Float64Array;
  /** Too many faults: it is asked no more. */
  isSuspended = false;
  /** Per frame of the last batch: number of the own drop reason, or NO_REASON. */
  readonly reason = new Int16Array(BATCH_FRAMES_MAX);
  /** Per frame of the last batch: 1 where it gave the verdict. */
  readonly gave = new Uint8Array(BATCH_FRAMES_MAX);
  readonly #options: RunnerOptions;
  readonly #frame: Frame;
  readonly #ownDrops: readonly string[];
  #instance: LogicInstance;
  #takesPort = new Uint8Array(PORTS_MAX);
  readonly #takesVlan: Uint8Array | null;
  readonly #verdict = new Int32Array(BATCH_FRAMES_MAX);
  readonly #vlan = new Uint16Array(BATCH_FRAMES_MAX);
  readonly #offset = new Int32Array(BATCH_FRAMES_MAX);
  readonly #length = new Int32Array(BATCH_FRAMES_MAX);
  #nextTick = 0;
  #faults = 0;
  #faultsSince = 0;

  /** @throws what `create` throws */
  constructor(options: RunnerOptions) {
    const { load, logic, parts, batch } = options;
    this.load = load;
    this.logic = logic;
    this.#options = options;
    this.counts = countsOf(logic, load.memory, parts.worker);
    this.#ownDrops = dropNamesOf(logic);
    this.#frame = new Frame(batch, parts.sender);
    this.#takesVlan = load.scope.vlans.length === 0 ? null : new Uint8Array(VLANS);
    for (const vid of load.scope.vlans) this.#takesVlan![vid] = 1;
    this.#instance = this.#create();
  }

  /** The set of ports has changed. */
  portsChanged(now: number): void {
    if (this.isSuspended) return;
    try {
      this.#instance = this.#create();
    } catch (error) {
      this.#fail('throw', error, null, -1, now);
    }
  }

  /** Asks the logic for the frames that are UNDECIDED and in its scope. @param now FDB ticks */
  run(batch: Batch, now: number): void {
    const asked = this.#putAside(batch);
    if (asked === 0) return this.#putBack(batch);
    const { inLogic, outbox, batchMsMax } = this.#options;
    const instance = this.#instance;
    const started = performance.now();
    outbox?.begin(this.counts);
    inLogic[0] = this.load.id;
    let thrown: unknown;
    let hasThrown = false;
    try {
      if (instance.decide !== undefined) instance.decide(batch, now);
      else this.#decideEach(batch, now, instance);
    } catch (error) {
      thrown = error;
      hasThrown = true;
    }
    inLogic[0] = 0;
    const tookMs = performance.now() - started;
    this.#count(LogicCount.FRAMES, asked);
    this.#count(LogicCount.MICROS, tookMs * 1000);
    if (hasThrown || tookMs > batchMsMax) {
      this.#putBack(batch);
      outbox?.takeBack();
      if (hasThrown) this.#fail('throw', thrown, batch, instance.decide === undefined ? this.#frame.index : -1, now);
      else this.#fail('overrun', `a batch of ${asked} frames took ${tookMs.toFixed(1)} ms`, batch, -1, now);
      return;
    }
    this.#settle(batch, now);
  }

  /** Runs its tick if it is due. @param now FDB ticks @returns whether it did */
  tick(now: number): boolean {
    const { tickMs } = this.logic;
    if (tickMs === undefined || this.isSuspended || ((now - this.#nextTick) | 0) < 0) return false;
    this.#nextTick = (now + Math.ceil(tickMs / 100)) | 0;
    const { inLogic, outbox, batchMsMax } = this.#options;
    const started = performance.now();
    outbox?.begin(this.counts);
    inLogic[0] = this.load.id;
    try {
      this.#instance.tick?.(now);
      inLogic[0] = 0;
      const tookMs = performance.now() - started;
      if (tookMs > batchMsMax) this.#fail('overrun', `a tick took ${tookMs.toFixed(1)} ms`, null, -1, now);
    } catch (error) {
      inLogic[0] = 0;
      outbox?.takeBack();
      this.#fail('throw', error, null, -1, now);
    }
    return true;
  }

  /** Ends it for a reason that is none of its batches'. */
  suspend(kind: LogicFaultKind, message: string): void {
    this.isSuspended = true;
    this.#report(faultOf(kind, message, null, -1));
  }

  /** Name of the drop reason of its own that it gave frame `i` of the last batch; null: none. */
  reasonOf(i: number): string | null {
    return this.reason[i] === NO_REASON ? null : (this.#ownDrops[this.reason[i]!] ?? null);
  }

  #create(): LogicInstance {
    const { load, logic, parts } = this.#options;
    const { ports } = load.scope;
    this.#takesPort.fill(ports.length === 0 ? 1 : 0);
    for (const name of ports) {
      const handle = parts.ports.handleOf(name);
      if (handle >= 0) this.#takesPort[handle] = 1;
    }
    return createInstance(logic, parts, load);
  }

  /** @returns for how many frames the logic is asked */
  #putAside(batch: Batch): number {
    const { verdict, vlan, offset, length, count } = batch;
    const takes = this.#takesVlan;
    const isAsked = !this.isSuspended && this.#takesPort[batch.ingress] === 1;
    let asked = 0;
    for (let i = 0; i < count; i++) {
      const v = verdict[i]!;
      this.#verdict[i] = v;
      this.#vlan[i] = vlan[i]!;
      this.#offset[i] = offset[i]!;
      this.#length[i] = length[i]!;
      this.reason[i] = NO_REASON;
      this.gave[i] = 0;
      if (v !== UNDECIDED || !isAsked) continue;
      if (takes === null || takes[vlan[i]!] === 1) asked++;
      else verdict[i] = HIDDEN;
    }
    return asked;
  }

  #putBack({ verdict, vlan, offset, length, count }: Batch): void {
    for (let i = 0; i < count; i++) {
      verdict[i] = this.#verdict[i]!;
      vlan[i] = this.#vlan[i]!;
      offset[i] = this.#offset[i]!;
      length[i] = this.#length[i]!;
    }
  }

  #decideEach(batch: Batch, now: number, instance: LogicInstance): void {
    const { verdict, count } = batch;
    const frame = this.#frame;
    for (let i = 0; i < count; i++) {
      if (verdict[i] !== UNDECIDED) continue;
      frame.moveTo(i);
      const v: unknown = instance.frame!(frame, now);
      verdict[i] = typeof v === 'number' && (v | 0) === v ? v : NO_INTEGER;
    }
  }

  /** Makes of what the logic said what egress understands, and puts back what means nothing. */
  #settle(batch: Batch, now: number): void {
    const { verdict, vlan, offset, length, count } = batch;
    const { reach, ports } = this.#options.parts;
    let decided = 0;
    let bad = -1;
    let moved = -1;
    let badVerdict = 0;
    for (let i = 0; i < count; i++) {
      const before = this.#verdict[i]!;
      if (offset[i] !== this.#offset[i] || length[i] !== this.#length[i] || vlan[i] !== this.#vlan[i]) {
        const isVlanRight = vlan[i]! >= VID_MIN && vlan[i]! <= VID_MAX && before === UNDECIDED;
        if (offset[i] !== this.#offset[i] || length[i] !== this.#length[i] || !isVlanRight) moved = i;
        offset[i] = this.#offset[i]!;
        length[i] = this.#length[i]!;
        if (!isVlanRight) vlan[i] = this.#vlan[i]!;
      }
      if (before !== UNDECIDED) {
        if (verdict[i] !== before) bad = i;
        verdict[i] = before;
        continue;
      }
      const v = verdict[i]!;
      if (v === UNDECIDED) continue;
      if (v === HIDDEN) {
        verdict[i] = UNDECIDED;
      } else if (v >= 0 && v < PORTS_MAX && ports.names[v] !== undefined) {
        verdict[i] = reach.verdict(batch, i, innerKey(batch, i, reach.tunnelled), v);
        this.gave[i] = 1;
        decided++;
      } else if (v === FLOOD || (v >= FIRST_DROP && v < FIRST_DROP + DROP_REASONS)) {
        this.gave[i] = 1;
        decided++;
      } else if (v >= FIRST_OWN_DROP && v < FIRST_OWN_DROP + this.#ownDrops.length) {
        this.reason[i] = v - FIRST_OWN_DROP;
        this.#count(FIRST_OWN_COUNT + v - FIRST_OWN_DROP, 1);
        verdict[i] = LOGIC_DROP;
        this.gave[i] = 1;
        decided++;
      } else {
        bad = i;
        badVerdict = v;
        verdict[i] = UNDECIDED;
      }
    }
    this.#count(LogicCount.DECIDED, decided);
    if (bad >= 0) this.#fail('verdict', wrongVerdict(this.#verdict[bad]!, badVerdict), batch, bad, now);
    if (moved >= 0)
      this.#fail('frame', 'a frame was given another place, length or VLAN than it can have', batch, moved, now);
  }

  #count(column: number, amount: number): void {
    this.counts[column] = this.counts[column]! + amount;
  }

  /** @param i the frame that was looked at; -1: unknown */
  #fail(kind: LogicFaultKind, error: unknown, batch: Batch | null, i: number, now: number): void {
    this.#count(LogicCount.FAULTS, 1);
    if (((now - this.#faultsSince) | 0) > FAULT_WINDOW_TICKS) {
      this.#faultsSince = now;
      this.#faults = 0;
    }
    if (++this.#faults >= LOGIC_FAULTS_MAX) this.isSuspended = true;
    this.#report(faultOf(kind, error, batch, i));
  }

  #report(fault: LogicFault): void {
    this.#options.report({ logic: this.load.id, fault, isSuspended: this.isSuspended });
  }
}

/** @param before what the frame had; @param given what the logic gave */
function wrongVerdict(before: number, given: number): string {
  if (before !== UNDECIDED) return 'a frame that was decided already, or is not in its scope, was given a verdict';
  const what = given === NO_INTEGER ? 'no whole number' : String(given);
  return `a verdict is ${what}: give the handle of an open port, FLOOD, DEFER, or one of \`drop\``;
}
