/**
 * One worker's data path, from receive to transmit, without anything that waits: a function of the frames its ports hold,
 * the time it is told and its configuration. So it runs over memory ports in tests as it does over sockets in a worker.
 */
import * as admission from '../frame/admit.ts';
import { admit } from '../frame/admit.ts';
import { Batch } from '../frame/batch.ts';
import * as vlanTag from '../frame/vlan.ts';
import { tagOf } from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import { GatherList } from '../ports/gather-list.ts';
import type { Memory } from '../ports/memory.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import type { Board } from '../shared/board.ts';
import type { CaptureOrders, PortConfig, RecordOrders, SwitchConfig } from '../shared/commands.ts';
import type { LogicLoad, LogicReport } from '../shared/logic-load.ts';
import type { RecordingEndReason } from '../shared/recording.ts';
import { DropSamples } from '../shared/drop-samples.ts';
import { Happenings } from '../shared/happenings.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import { Fdb, TICKS_PER_SECOND } from '../switching/fdb.ts';
import type { AnyLogic, LogicInstance } from '../switching/logic.ts';
import { LogicClock } from '../switching/logic-clock.ts';
import { allocateLogicMemory, createInstance, type SetupParts } from '../switching/logic-setup.ts';
import * as portTable from '../switching/port-table.ts';
import { classifiedDrop, PortTable } from '../switching/port-table.ts';
import { Reach } from '../switching/reach.ts';
import * as verdicts from '../switching/verdict.ts';
import { drop } from '../switching/verdict.ts';
import { Egress } from './egress.ts';
import { Journal } from './journal.ts';
import { JournaledPort } from './journaled-port.ts';
import { LogicHost } from './logic-host.ts';
import { mutedSender } from './logic-outbox.ts';
import * as loopProbe from './loop-probe.ts';
import { readProbe, writeProbe } from './loop-probe.ts';
import { Mirrors } from './mirrors.ts';
import { Recorder } from './recorder.ts';
import { StormLimiter } from './storm-limiter.ts';
import { Takeover } from './takeover.ts';
import { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { RESERVED_ADDRESS, RUNT, SOURCE_NOT_UNICAST, TRUNCATED_TAG } = admission;
const { NO_TAG, TAG_BYTES, TPID_CUSTOMER } = vlanTag;
const { GSO_NONE, GSO_TYPE, VNET_HEADER_BYTES } = vnetHeader;
const { BATCH_FRAMES_MAX, PORTS_MAX, RESERVED_ADDRESSES, WORKERS_MAX } = limits;
const { Counter, LOGIC } = boardLayout;
const { Drop } = dropReasons;
const { SET_BLOCKED, SET_UP } = portTable;
const { UNDECIDED } = verdicts;
const { PROBE_FIRST_BYTE } = loopProbe;

const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

/** The drop verdict for each answer of `admit` but WELCOME. */
const REFUSED: number[] = [];
REFUSED[RUNT] = drop(Drop.RUNT);
REFUSED[TRUNCATED_TAG] = drop(Drop.TRUNCATED_TAG);
REFUSED[SOURCE_NOT_UNICAST] = drop(Drop.SOURCE_NOT_UNICAST);
REFUSED[RESERVED_ADDRESS] = drop(Drop.RESERVED_ADDRESS);

export interface DataPathOptions {
  worker: number;
  board: Board;
  memory: Memory;
  /** Offset of GATHER_LIST_BYTES in the memory. */
  gatherListAt: number;
  fdb: SharedArrayBuffer;
  /** Decides what no loaded logic does; must decide batches. */
  logic: AnyLogic;
  /** Missing: none can be loaded. */
  loaded?: LoadedLogicOptions;
  /** Milliseconds, for the time of recorded frames: of the clock that FDB ticks are of. Needed where frames are recorded. */
  clock?: () => number;
}

export interface LoadedLogicOptions {
  /** Offset of LOGIC_BUFFER_BYTES in the memory. */
  bufferAt: number;
  /** How long a batch or tick may take; Infinity where time is not the clock's. */
  batchMsMax: number;
  open: (load: LogicLoad) => AnyLogic;
  report: (report: LogicReport) => void;
}

const NO_PARAMS = { params: {}, memory: allocateLogicMemory({}, WORKERS_MAX), seed: 1 };

export class DataPath {
  readonly #options: DataPathOptions;
  readonly #worker: number;
  readonly #clock = new LogicClock();
  readonly #ports: (Port | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  readonly #configs: (PortConfig | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  /** The ports that are open, in the order they are visited. */
  #open: Port[] = [];
  readonly #table = new PortTable();
  readonly #reach = new Reach(this.#table);
  readonly #batch: Batch;
  readonly #egress: Egress;
  readonly #tally: Tally;
  readonly #list: GatherList;
  readonly #happenings: Happenings;
  readonly #probeTokens: Uint8Array;
  readonly #recorder: Recorder;
  readonly #mirrors: Mirrors;
  readonly #takeover: Takeover;
  /** Frames are recorded or mirrored: the one thing that is asked of every batch. */
  #isWatched = false;
  readonly #forwardReserved = new Uint8Array(RESERVED_ADDRESSES);
  /** By which all changes to it are made. */
  #fdb: Fdb;
  /** Gets the exact inputs while they are recorded. */
  #journal: Journal | null = null;
  /** Decides what no loaded logic does. */
  #base: LogicInstance;
  /** The loaded ones; null: there are none. */
  #host: LogicHost | null = null;
  #loads: readonly LogicLoad[] = [];
  /** `#host` or `#base`. */
  #logic: LogicInstance;
  #now = 0;
  /** Of the batch that is judged. */
  #receivedBytes = 0;
  #superFrames = 0;

  /** Takes over from the worker of this number before it, however that ended. */
  constructor(options: DataPathOptions) {
    this.#options = options;
    this.#worker = options.worker;
    this.#batch = new Batch(options.memory.bytes);
    this.#tally = new Tally(options.board, options.worker);
    this.#tally.settle();
    const { board, worker } = options;
    this.#takeover = new Takeover(board, worker, this.#tally);
    this.#list = new GatherList(options.memory, options.gatherListAt);
    this.#happenings = new Happenings(board.buffers.happenings[worker]!);
    this.#probeTokens = board.probeTokens;
    this.#recorder = new Recorder(options.memory, options.clock ?? null);
    this.#mirrors = new Mirrors(this.#table, this.#ports, this.#list, this.#tally);
    this.#egress = new Egress({
      table: this.#table,
      reach: this.#reach,
      ports: this.#ports,
      list: this.#list,
      tally: this.#tally,
      recorder: this.#recorder,
      mirrors: this.#mirrors,
      storms: new StormLimiter(board, this.#table, this.#happenings),
      samples: new DropSamples(board.buffers.dropSamples[worker]!),
    });
    this.#fdb = new Fdb(options.fdb, worker + 1);
    this.#base = this.#makeBase();
    this.#logic = this.#base;
  }

  openPort(port: Port, config: PortConfig): void {
    const journal = this.#journal;
    journal?.opened(port.handle, config);
    this.#ports[port.handle] = journal ? new JournaledPort(port, journal) : port;
    this.#configure(port.handle, config);
    this.#open = this.#ports.filter((open) => open !== null);
    this.#host?.portsChanged(this.#now);
    this.#takeover.open(port);
  }

  configurePort(handle: number, config: PortConfig): void {
    this.#journal?.changed({ do: 'configure', handle, config });
    this.#configure(handle, config);
  }

  closePort(handle: number): void {
    this.#journal?.changed({ do: 'close', handle });
    this.#ports[handle] = null;
    this.#configs[handle] = null;
    this.#takeover.close(handle);
    this.#table.remove(handle);
    this.#mirrors.configure(handle, null);
    this.#watch();
    this.#open = this.#ports.filter((open) => open !== null);
    this.#host?.portsChanged(this.#now);
  }

  configure({ forwardReserved }: Pick<SwitchConfig, 'forwardReserved'>): void {
    this.#journal?.changed({ do: 'switch', forwardReserved });
    forwardReserved.forEach((forwards, last) => (this.#forwardReserved[last] = forwards ? 1 : 0));
  }

  useFdb(fdb: SharedArrayBuffer): void {
    this.#fdb = new Fdb(fdb, this.#worker + 1);
    this.#journal?.useFdb(this.#fdb);
    this.#base = this.#makeBase();
    this.#beginLogics();
  }

  /** The loaded logics from now on, in the order they are asked. Between two batches, so each is decided by one set of them. */
  useLogics(loads: readonly LogicLoad[]): void {
    this.#journal?.noteTables(loads);
    this.#useLogics(loads);
    this.#journal?.useLogics(loads);
  }

  #useLogics(loads: readonly LogicLoad[]): void {
    this.#loads = loads;
    if (loads.length > 0) this.#host ??= this.#makeHost();
    else this.#host = null;
    this.#host?.use(loads);
    this.#logic = this.#host ?? this.#base;
  }

  /** Records what is asked for from now on; null: nothing. */
  capture(orders: CaptureOrders | null): void {
    this.#recorder.configure(orders);
    this.#watch();
  }

  /**
   * Records the exact inputs from now on. The loaded logics begin anew, as they do when a port comes: what one keeps to itself cannot
   * be recorded, what it keeps in tables is.
   */
  record(orders: RecordOrders): void {
    this.endRecord('stopped');
    const journal = this.#beginJournal(orders);
    this.#useJournal(journal);
    this.#beginLogics();
    journal.useLogics(this.#loads);
  }

  endRecord(reason: RecordingEndReason): void {
    this.#journal?.end(reason);
    this.#useJournal(null);
  }

  /** Sends a loop probe out of the port, tagged as the VLAN is there. It is no forwarded frame and not counted as one. */
  probe(handle: number, vlan: number): void {
    const port = this.#ports[handle];
    if (!port || !this.#table.isIn(SET_UP, handle)) return;
    this.#journal?.changed({ do: 'probe', handle, vlan });
    const list = this.#list;
    const tag = this.#table.tags(handle, vlan) ? tagOf(TPID_CUSTOMER, vlan) : NO_TAG;
    const head = writeProbe(this.#batch.bytes, list.nextHead(), tag, this.#probeTokens, handle);
    list.addHeaded(head, 0, 0, 0);
    port.transmit(list);
    list.clear();
    this.#journal?.settled();
  }

  /** What the last batch was and became, and what it was judged by. For who explains a frame. */
  get batch(): Batch {
    return this.#batch;
  }

  get table(): PortTable {
    return this.#table;
  }

  get logics(): LogicHost | null {
    return this.#host;
  }

  get reach(): Reach {
    return this.#reach;
  }

  port(handle: number): Port | null {
    return this.#ports[handle] ?? null;
  }

  /**
   * Takes one batch from every port that has frames, and forwards it.
   * @param now FDB ticks
   * @param nowMs the same time, finer, for loaded logics
   * @returns frames taken
   */
  turn(now: number, nowMs: number = now * MS_PER_TICK): number {
    let frames = 0;
    if (this.#journal !== null) this.#noteTurn(this.#journal, now, nowMs);
    this.#now = now;
    this.#clock.ms = nowMs;
    if (this.#host !== null) {
      this.#host.hostTick(now, this.#egress);
      if (this.#journal !== null) this.#journal.settled();
    }
    if (this.#takeover.suspected >= 0) frames = this.#forwardSuspect(now);
    if (frames > 0) return frames;
    for (const port of this.#open) if (port.pending()) frames += this.#forward(port, now);
    return frames;
  }

  #forward(port: Port, now: number): number {
    const batch = this.#receive(port);
    if (batch.count > 0) {
      this.#takeover.judging(batch);
      this.#reach.begin(batch.ingress);
      this.#classify(batch, now);
      if (this.#isWatched) this.#show(batch);
      this.#logic.decide!(batch, now);
      this.#carryOut(port, batch, now);
    }
    return batch.count;
  }

  /**
   * Forwards one frame of those with which the worker before this one ended, or drops it if it is the culprit. Other ports wait
   * meanwhile: if a batch of theirs ended this worker too, it would be forgotten which frames are suspects.
   */
  #forwardSuspect(now: number): number {
    const port = this.#ports[this.#takeover.suspected]!;
    this.#batch.limit = 1;
    const taken = this.#takeover.isCulprit ? this.#dropCulprit(port, now) : this.#forward(port, now);
    this.#batch.limit = BATCH_FRAMES_MAX;
    if (taken > 0) this.#takeover.settled();
    else this.#takeover.acquit();
    return taken;
  }

  /** Drops the next frame, and looks at nothing of it. */
  #dropCulprit(port: Port, now: number): number {
    const batch = this.#receive(port);
    if (batch.count > 0) {
      this.#receivedBytes = Math.max(0, batch.length[0]!) + (batch.tpid[0] === 0 ? 0 : TAG_BYTES);
      this.#superFrames = 0;
      batch.vlan[0] = 0;
      batch.verdict[0] = drop(Drop.WORKER_FAULT);
      if (this.#recorder.isActive) this.#recorder.made(batch);
      this.#carryOut(port, batch, now);
    }
    return batch.count;
  }

  #receive(port: Port): Batch {
    const batch = this.#batch;
    batch.count = 0;
    batch.ingress = port.handle;
    port.receive(batch);
    return batch;
  }

  #carryOut(port: Port, batch: Batch, now: number): void {
    this.#claim(port, batch);
    this.#egress.dispatch(batch, now);
    if (this.#host !== null) this.#host.flush(this.#egress, batch);
    if (this.#recorder.isActive) this.#recorder.finish();
    port.release();
  }

  /** The frames are taken for good, and counted as received. */
  #claim(port: Port, { ingress, count }: Batch): void {
    port.claim();
    this.#tally.add(ingress, Counter.RX_FRAMES, count);
    this.#tally.add(ingress, Counter.RX_BYTES, this.#receivedBytes);
    if (this.#superFrames > 0) this.#tally.add(ingress, Counter.RX_SUPER_FRAMES, this.#superFrames);
    this.#takeover.claimed();
  }

  /** Admits each frame and finds its VLAN, or gives it a drop verdict; sums up what arrived. */
  #classify(batch: Batch, now: number): void {
    const { bytes, offset, length, tpid, tci, vlan, verdict, count, ingress } = batch;
    const table = this.#table;
    const isUp = table.isIn(SET_UP, ingress);
    let receivedBytes = 0;
    let superFrames = 0;
    for (let i = 0; i < count; i++) {
      if (length[i]! < 0) {
        verdict[i] = drop(Drop.OVERSIZE);
        vlan[i] = 0;
        continue;
      }
      receivedBytes += length[i]! + (tpid[i] === 0 ? 0 : TAG_BYTES);
      if (bytes[offset[i]! - VNET_HEADER_BYTES + GSO_TYPE] !== GSO_NONE) superFrames++;
      if (!isUp && !table.isIn(SET_BLOCKED, ingress)) {
        verdict[i] = drop(Drop.INGRESS_DOWN);
        vlan[i] = 0;
        continue;
      }
      const refused = admit(batch, i, this.#forwardReserved);
      if (refused === 0 && bytes[offset[i]!] === PROBE_FIRST_BYTE && this.#isOwnProbe(batch, i, now)) {
        verdict[i] = drop(Drop.LOOP_PROBE);
        vlan[i] = 0;
        continue;
      }
      if (refused !== 0 || !isUp) {
        verdict[i] = isUp ? REFUSED[refused]! : drop(Drop.LOOP_BLOCKED);
        vlan[i] = 0;
        continue;
      }
      const classified = table.classify(ingress, tpid[i]!, tci[i]!);
      verdict[i] = classifiedDrop(classified) || UNDECIDED;
      vlan[i] = classified;
    }
    this.#receivedBytes = receivedBytes;
    this.#superFrames = superFrames;
  }

  /** Whether it is a probe of this switch that came back, also by a port that is blocked; that is told. */
  #isOwnProbe({ bytes, offset, length, ingress }: Batch, i: number, now: number): boolean {
    const from = readProbe(bytes, offset[i]!, length[i]!, this.#probeTokens);
    if (from >= 0) this.#happenings.noteLoop(ingress, from, now);
    return from >= 0;
  }

  #configure(handle: number, config: PortConfig): void {
    this.#configs[handle] = config;
    this.#table.configure(handle, config);
    this.#mirrors.configure(handle, config.mirror);
    this.#watch();
  }

  /** Makes all instances anew. */
  #beginLogics(): void {
    this.#host = null;
    this.#useLogics(this.#loads);
  }

  /** Begins with all there is. */
  #beginJournal(orders: RecordOrders): Journal {
    const { memory, board } = this.#options;
    const parts = { orders, worker: this.#worker, memory, board, fdb: this.#fdb, host: () => this.#host };
    const journal = new Journal(parts);
    journal.turn(this.#now, this.#clock.ms);
    journal.useFdb(this.#fdb);
    for (const { handle } of this.#open) journal.opened(handle, this.#configs[handle]!);
    journal.changed({ do: 'switch', forwardReserved: [...this.#forwardReserved].map((forwards) => forwards === 1) });
    journal.noteStorms();
    journal.noteTables(this.#loads);
    return journal;
  }

  #useJournal(journal: Journal | null): void {
    this.#journal = journal;
    for (const each of this.#open) {
      const port = each instanceof JournaledPort ? each.port : each;
      this.#ports[port.handle] = journal ? new JournaledPort(port, journal) : port;
    }
    this.#open = this.#ports.filter((open) => open !== null);
  }

  #noteTurn(journal: Journal, now: number, nowMs: number): void {
    if (journal.isOver) this.#useJournal(null);
    else journal.turn(now, nowMs);
  }

  /** To whom it may concern: a batch has entered. */
  #show(batch: Batch): void {
    if (this.#recorder.isActive) this.#recorder.entered(batch);
    if (this.#mirrors.isActive) this.#mirrors.copyReceived(batch);
  }

  #watch(): void {
    this.#isWatched = this.#recorder.isActive || this.#mirrors.isActive;
  }

  #makeBase(): LogicInstance {
    return createInstance(this.#options.logic, { ...this.#parts(), sender: mutedSender }, NO_PARAMS);
  }

  #makeHost(): LogicHost {
    const { loaded, board } = this.#options;
    if (!loaded) throw new Error('this data path was made without room for loaded logics');
    return new LogicHost({
      ...loaded,
      base: this.#base,
      parts: this.#parts(),
      batch: this.#batch,
      words: board.words,
      wordAt: board.page(this.#worker) + LOGIC,
    });
  }

  #parts(): Omit<SetupParts, 'sender'> {
    return {
      ports: this.#table,
      reach: this.#reach,
      fdb: this.#fdb,
      happenings: this.#happenings,
      clock: this.#clock,
      worker: this.#worker,
    };
  }
}
