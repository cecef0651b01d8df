/**
 * Runs a recorded section again, on a data path of its own with memory ports, without a kernel: it gets the same configuration,
 * frames and times in the same order, so it does the same, as long as it is the same code. Each step is what was an outcome in
 * the recording: a batch, a tick of logics, or a probe.
 */
import { DataPath } from '../datapath/data-path.ts';
import { Outcome } from '../datapath/outcome.ts';
import type { Batch } from '../frame/batch.ts';
import { LOGIC_BUFFER_BYTES, PORTS_MAX } from '../limits.ts';
import { GATHER_LIST_BYTES } from '../ports/gather-list.ts';
import { Board } from '../shared/board.ts';
import type { LogicFault, LogicLoad } from '../shared/logic-load.ts';
import { restoreImage } from '../shared/memory-image.ts';
import { Area, type RecordedChange, type RecordedLogic } from '../shared/recording.ts';
import { Fdb } from '../switching/fdb.ts';
import { LOCK } from '../switching/fdb-layout.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { dropNamesOf } from '../switching/logic-counters.ts';
import { allocateLogicMemory } from '../switching/logic-setup.ts';
import { learning } from '../switching/logics/learning.ts';
import { sentLists, type SentList } from './outcome-text.ts';
import { type RecordedEvent, type RecordedFrame, RecordingError, type RecordedSection } from './recording-reader.ts';
import { REPLAY_BUFFER_BYTES, ReplayPort, type ReplayPortParts } from './replay-port.ts';

/** Who takes nobody's place is asked for every frame. */
const ALONE = {
  id: -1,
  name: '',
  file: '',
  ending: '',
  revision: 0,
  scope: { ports: [], vlans: [] },
  isShadow: false,
  seed: 1,
  drops: [],
} as const;
/** A number in the table's lock that is none of a worker's. */
const REPAIRER = 0x7ffe;
const REPLAY_BUFFER_AT = GATHER_LIST_BYTES + LOGIC_BUFFER_BYTES;

export interface Step {
  /** Of the batch; none: a tick or a probe. */
  frames: readonly RecordedFrame[];
  ms: number;
  /** Null: nothing was sent. */
  recorded: Int32Array | null;
  outcome: Int32Array;
}

/** A logic that is run, and what it is given. */
export interface ReplayLogic {
  logic: AnyLogic;
  params: unknown;
}

/** Who gave a verdict, and for which reason of its own. */
export interface Decider {
  logic: string;
  reason: string | null;
}

export interface Instead {
  name: string;
  /** @param recorded whose place it takes; null: nobody's */
  open: (recorded: RecordedLogic | null) => ReplayLogic;
}

export interface ReplayOptions {
  /** The logic as it was recorded. */
  open: (recorded: RecordedLogic) => ReplayLogic;
  /** Run instead of the recorded one of its name, or of all of them if none has it. */
  instead: Instead | null;
}

interface Loaded {
  load: LogicLoad;
  logic: AnyLogic;
}

export class ReplaySwitch {
  readonly faults: LogicFault[] = [];
  /** Of every port that there ever was. */
  readonly names: string[] = [];
  readonly board: Board;
  readonly worker: number;
  readonly #section: RecordedSection;
  readonly #options: ReplayOptions;
  /** One of the name of who is run instead was recorded. */
  readonly #hasPlace: boolean;
  readonly #dataPath: DataPath;
  readonly #portParts: ReplayPortParts;
  readonly #outcome: Outcome;
  readonly #ports = new Map<number, ReplayPort>();
  /** By id of the recorded load. */
  readonly #loaded = new Map<number, Loaded>();
  /** Sources by the same. */
  readonly #sources = new Map<number, string | null>();
  /** Tables of loads that are about to be used: their images, by load and number. */
  readonly #tables = new Map<string, RecordedEvent & { is: 'image' }>();
  #live: LogicLoad[] = [];
  #recordedLive: readonly RecordedLogic[] = [];
  #fdb: SharedArrayBuffer;
  #batch: Batch | null = null;
  #sent: readonly SentList[] = [];
  #tick = 0;
  #ms = 0;

  constructor(section: RecordedSection, options: ReplayOptions) {
    this.#section = section;
    this.#options = options;
    this.#hasPlace = [...section.changes()].some(
      (change) =>
        change.do === 'logics' &&
        change.logics.some(({ name, isShadow }) => !isShadow && name === options.instead?.name),
    );
    this.worker = section.header.worker;
    this.board = Board.create(this.worker + 1);
    const memory = { bytes: new Uint8Array(new SharedArrayBuffer(REPLAY_BUFFER_AT + REPLAY_BUFFER_BYTES)), address: 0 };
    this.#outcome = new Outcome(memory);
    this.#fdb = Fdb.allocate({ limit: 1, ageingTicks: 1, seed: 0 });
    this.#portParts = {
      memory,
      bufferAt: REPLAY_BUFFER_AT,
      outcome: this.#outcome,
      nextSent: (handle, count) => this.#nextSent(handle, count),
      noteBatch: (batch) => (this.#batch = batch),
    };
    this.#dataPath = new DataPath({
      worker: this.worker,
      board: this.board,
      memory,
      gatherListAt: 0,
      fdb: this.#fdb,
      logic: learning,
      loaded: {
        bufferAt: GATHER_LIST_BYTES,
        batchMsMax: Infinity,
        open: ({ id }) => this.#loaded.get(id)!.logic,
        report: (report) => {
          if ('fault' in report) this.faults.push(report.fault);
        },
      },
    });
  }

  /** Runs it step by step; what is run has no say in how many there are. @throws RecordingError */
  *run(): Generator<Step, void> {
    const events = this.#section.events();
    let event = events.next();
    while (!event.done) {
      const { value } = event;
      event = events.next();
      if (value.is === 'image') this.#restore(value);
      else if (value.is === 'outcome') {
        if (value.frames.length > 0) yield this.#runBatch(value.frames, value.outcome);
      } else {
        // What was sent without frames is told behind what sent it.
        const after =
          !event.done && event.value.is === 'outcome' && event.value.frames.length === 0 ? event.value : null;
        this.#sent = after ? sentLists(after.outcome) : [];
        if (value.is === 'turn') this.#turn(value.tick, value.ms);
        else this.#change(value.change);
        yield this.#step([], after?.outcome ?? null);
      }
    }
  }

  /** @param decision in an outcome of this run (LogicHost.decisionOf) */
  decider(decision: number): Decider | null {
    const load = this.#live[(decision >>> 8) - 1];
    return load ? deciderOf(load.name, dropNamesOf(this.#loaded.get(load.id)!.logic), decision) : null;
  }

  /** @param decision in the outcome that was recorded */
  recordedDecider(decision: number): Decider | null {
    const load = this.#recordedLive[(decision >>> 8) - 1];
    return load ? deciderOf(load.name, load.drops ?? [], decision) : null;
  }

  #turn(tick: number, ms: number): void {
    this.#tick = tick;
    this.#ms = ms;
    this.#dataPath.turn(tick, ms);
  }

  #runBatch(frames: readonly RecordedFrame[], recorded: Int32Array): Step {
    this.#sent = sentLists(recorded);
    const port = this.#ports.get(frames[0]!.handle);
    if (!port) throw new RecordingError('has frames of a port that it does not have: it is broken');
    port.arrive(frames);
    this.#dataPath.turn(this.#tick, this.#ms);
    return this.#step(frames, recorded);
  }

  #step(frames: readonly RecordedFrame[], recorded: Int32Array | null): Step {
    const batch = frames.length > 0 ? this.#batch : null;
    const outcome = this.#outcome.take(batch, this.#dataPath.logics, false);
    return { frames, ms: this.#ms, recorded, outcome };
  }

  #nextSent(handle: number, count: number): SentList | null {
    const [next, ...others] = this.#sent;
    const isIt = next !== undefined && next.handle === handle && next.messages.length === count;
    this.#sent = isIt ? others : [];
    return isIt ? next : null;
  }

  #change(change: RecordedChange): void {
    switch (change.do) {
      case 'open': {
        if (!(change.handle >= 0 && change.handle < PORTS_MAX)) throw new RecordingError('has a port with no handle');
        const port = new ReplayPort(change.handle, this.#portParts);
        this.#ports.set(change.handle, port);
        this.names[change.handle] = change.config.name ?? String(change.handle);
        return this.#dataPath.openPort(port, change.config);
      }
      case 'configure':
        return this.#dataPath.configurePort(change.handle, change.config);
      case 'close':
        this.#ports.delete(change.handle);
        return this.#dataPath.closePort(change.handle);
      case 'switch':
        return this.#dataPath.configure(change);
      case 'logics':
        return this.#useLogics(change.logics);
      case 'probe':
        return this.#dataPath.probe(change.handle, change.vlan);
    }
  }

  #restore(image: RecordedEvent & { is: 'image' }): void {
    const { board } = this;
    switch (image.area) {
      case Area.NEW_FDB: {
        const fdb = new SharedArrayBuffer(image.words * 4);
        restoreFdb(image, fdb);
        this.#fdb = fdb;
        return this.#dataPath.useFdb(fdb);
      }
      case Area.FDB:
        return restoreFdb(image, this.#fdb);
      case Area.STORMS:
        return restore(image, board.storms);
      case Area.PROBE_TOKENS: {
        const tokens = new Int32Array(image.words);
        restore(image, tokens);
        return board.probeTokens.set(new Uint8Array(tokens.buffer).subarray(0, board.probeTokens.length));
      }
      case Area.TABLE:
        this.#tables.set(`${image.load} ${image.table}`, image);
        return;
      default:
        throw new RecordingError('has an image of nothing that there is: it is broken');
    }
  }

  /** Those in shadow change nothing of what becomes of frames, so they are left out. */
  #useLogics(recorded: readonly RecordedLogic[]): void {
    for (const { id, source } of recorded) if (source !== null) this.#sources.set(id, source);
    this.#recordedLive = recorded.filter(({ drops }) => drops !== null);
    const { instead } = this.#options;
    const loads =
      instead && !this.#hasPlace
        ? [this.#loadOf({ ...ALONE, name: instead.name }, instead.open(null), false)]
        : recorded.filter(({ isShadow }) => !isShadow).map((each) => this.#runs(each));
    this.#dataPath.useLogics(loads);
    this.#live = loads.filter(({ id }) => this.#dataPath.logics?.dropsOf(id) != null);
    const refused = loads.find(({ name }) => name === instead?.name && !this.#live.some((live) => live.name === name));
    if (refused) throw new RecordingError(`cannot be replayed with ${refused.name}: ${this.faults.at(-1)?.message}`);
  }

  #runs(recorded: RecordedLogic): LogicLoad {
    const { open, instead } = this.#options;
    if (instead && recorded.name === instead.name) return this.#loadOf(recorded, instead.open(recorded), false);
    return this.#loadOf(recorded, open({ ...recorded, source: this.#sources.get(recorded.id) ?? null }), true);
  }

  /** @param isRecorded it is the one that was recorded, so its tables are what they were then */
  #loadOf(
    as: Omit<RecordedLogic, 'params' | 'source'>,
    { logic, params }: ReplayLogic,
    isRecorded: boolean,
  ): LogicLoad {
    const { id, name, file, revision, scope, seed } = as;
    const known = this.#loaded.get(id);
    const memory = known?.load.memory ?? allocateLogicMemory(logic, this.worker + 1);
    if (!known || isRecorded) this.#restoreTables(id, logic, memory);
    const load = { id, name, module: '', file, revision, params, scope, memory, isShadow: false, seed };
    this.#loaded.set(id, { load, logic });
    return load;
  }

  /** As far as it has the same. */
  #restoreTables(id: number, logic: AnyLogic, { tables }: LogicLoad['memory']): void {
    Object.keys(logic.tables ?? {}).forEach((name, k) => {
      const image = this.#tables.get(`${id} ${k}`);
      const words = new Int32Array(tables[name]!);
      if (image?.words === words.length) restore(image, words);
    });
  }
}

function deciderOf(logic: string, drops: readonly string[], decision: number): Decider {
  return { logic, reason: drops[(decision & 0xff) - 1] ?? null };
}

/** @throws RecordingError */
function restore({ image, words: length }: RecordedEvent & { is: 'image' }, words: Int32Array): void {
  if (length !== words.length) throw new RecordingError('has an image of a memory of another size: it is broken');
  try {
    restoreImage(image, words);
  } catch (error) {
    throw new RecordingError(`has a broken image: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Somebody who was just changing it when the image was made is no more. */
function restoreFdb(image: RecordedEvent & { is: 'image' }, fdb: SharedArrayBuffer): void {
  const words = new Int32Array(fdb);
  restore(image, words);
  if (words[LOCK] !== 0) new Fdb(fdb, REPAIRER).freeLocksOf(words[LOCK]!);
}
