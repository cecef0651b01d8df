/**
 * One worker's data path, from receive to transmit, without anything that waits: a function of the frames its ports hold,
 * the time it is told and its configuration. So it runs over memory ports in tests as it does over sockets in a worker.
 */
import { Batch } from '../frame/batch.ts';
import { NO_TAG, tagOf, TPID_CUSTOMER } from '../frame/vlan.ts';
import { PORTS_MAX } from '../limits.ts';
import { GatherList } from '../ports/gather-list.ts';
import type { Memory } from '../ports/memory.ts';
import type { Port } from '../ports/port.ts';
import type { Board } from '../shared/board.ts';
import type { CaptureOrders, PortConfig, RecordOrders, SwitchConfig } from '../shared/commands.ts';
import { DropSamples } from '../shared/drop-samples.ts';
import { Happenings } from '../shared/happenings.ts';
import type { LogicLoad } from '../shared/logic-load.ts';
import type { RecordingEndReason } from '../shared/recording.ts';
import { Fdb, TICKS_PER_SECOND } from '../switching/fdb.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { PortTable, SET_UP } from '../switching/port-table.ts';
import { Reach } from '../switching/reach.ts';
import { Egress } from './egress.ts';
import { Ingress } from './ingress.ts';
import { Journal } from './journal.ts';
import { JournaledPort } from './journaled-port.ts';
import type { LogicHost } from './logic-host.ts';
import { type LoadedLogicOptions, Logics } from './logics.ts';
import { writeProbe } from './loop-probe.ts';
import { Mirrors } from './mirrors.ts';
import { Recorder } from './recorder.ts';
import { StormLimiter } from './storm-limiter.ts';
import { Takeover } from './takeover.ts';
import { Tally } from './tally.ts';

const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

export interface DataPathOptions {
  worker: number;
  board: Board;
  memory: Memory;
  /** The part of the memory, from its first byte on, that frames lie in: what logics are given. All of it, if missing. */
  frames?: Uint8Array;
  /** Offset of GATHER_LIST_BYTES in the memory; of the structures alone, if `gatherHeadsAt` says where the heads are. */
  gatherListAt: number;
  gatherHeadsAt?: number;
  fdb: SharedArrayBuffer;
  /** Decides what no loaded logic does; must decide batches. */
  logic: AnyLogic;
  /** Missing: none can be loaded. */
  loaded?: LoadedLogicOptions;
  /** Milliseconds, for the time of recorded frames: of the clock that FDB ticks are of. Needed where frames are recorded. */
  clock?: () => number;
}

export class DataPath {
  readonly #options: DataPathOptions;
  readonly #worker: number;
  readonly #ports: (Port | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  readonly #configs: (PortConfig | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  /** The ports that are open, in the order they are visited. */
  #open: Port[] = [];
  readonly #table = new PortTable();
  readonly #reach = new Reach(this.#table);
  readonly #batch: Batch;
  readonly #ingress: Ingress;
  readonly #logics: Logics;
  readonly #egress: Egress;
  readonly #tally: Tally;
  readonly #list: GatherList;
  readonly #recorder: Recorder;
  readonly #mirrors: Mirrors;
  readonly #takeover: Takeover;
  /** Frames are recorded or mirrored: the one thing that is asked of every batch. */
  #isWatched = false;
  /** By which all changes to it are made. */
  #fdb: Fdb;
  /** Gets the exact inputs while they are recorded. */
  #journal: Journal | null = null;
  #now = 0;

  /** Takes over from the worker of this number before it, however that ended. */
  constructor(options: DataPathOptions) {
    this.#options = options;
    this.#worker = options.worker;
    const bytes = options.frames ?? options.memory.bytes;
    this.#batch = new Batch(bytes, options.board.buffers.batches[options.worker]);
    this.#tally = new Tally(options.board, options.worker);
    this.#tally.settle();
    const { board, worker } = options;
    this.#takeover = new Takeover(board, worker, bytes);
    this.#list = new GatherList(options.memory, options.gatherListAt, options.gatherHeadsAt);
    const happenings = new Happenings(board.buffers.happenings[worker]!);
    this.#ingress = new Ingress({
      table: this.#table,
      tally: this.#tally,
      happenings,
      probeTokens: board.probeTokens,
    });
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
      storms: new StormLimiter(board, this.#table, happenings),
      samples: new DropSamples(board.buffers.dropSamples[worker]!),
    });
    this.#fdb = new Fdb(options.fdb, worker + 1);
    const { logic: builtIn, loaded } = options;
    const parts = { worker, batch: this.#batch, ports: this.#table, reach: this.#reach, happenings };
    this.#logics = new Logics({ ...parts, builtIn, loaded }, this.#fdb);
  }

  openPort(port: Port, config: PortConfig): void {
    const journal = this.#journal;
    journal?.opened(port.handle, config);
    this.#ports[port.handle] = journal ? new JournaledPort(port, journal) : port;
    this.#configure(port.handle, config);
    this.#open = this.#ports.filter((open) => open !== null);
    this.#logics.host?.portsChanged(this.#now);
    if (!this.#takeover.open(port.handle)) port.release();
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
    this.#logics.host?.portsChanged(this.#now);
  }

  configure({ forwardReserved }: Pick<SwitchConfig, 'forwardReserved'>): void {
    this.#journal?.changed({ do: 'switch', forwardReserved });
    this.#ingress.forwardReserved.set(forwardReserved.map(Number));
  }

  useFdb(fdb: SharedArrayBuffer): void {
    this.#fdb = new Fdb(fdb, this.#worker + 1);
    this.#journal?.useFdb(this.#fdb);
    this.#logics.useFdb(this.#fdb);
  }

  /** The loaded logics from now on, in the order they are asked. Between two batches, so each is decided by one set of them. */
  useLogics(loads: readonly LogicLoad[]): void {
    this.#journal?.noteTables(loads);
    this.#logics.use(loads);
    this.#journal?.useLogics(loads);
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
    this.#logics.renew();
    journal.useLogics(this.#logics.loads);
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
    const head = writeProbe(this.#batch.bytes, list.nextHead(), tag, this.#options.board.probeTokens, handle);
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
    return this.#logics.host;
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
    this.#logics.clock.ms = nowMs;
    if (this.#logics.host !== null) {
      this.#logics.host.hostTick(now, this.#egress);
      if (this.#journal !== null) this.#journal.settled();
    }
    if (this.#takeover.suspected >= 0) {
      this.#forwardSuspect(now);
      return 1;
    }
    for (const port of this.#open) if (port.pending()) frames += this.#forward(port, now);
    return frames;
  }

  #forward(port: Port, now: number): number {
    const batch = this.#batch;
    batch.count = 0;
    batch.ingress = port.handle;
    port.receive(batch);
    if (batch.count > 0) {
      port.claim();
      this.#judge(batch, now);
      this.#carryOut(batch, now);
      port.release();
    }
    return batch.count;
  }

  /**
   * Forwards one frame of those with which the worker before this one ended, or drops it if it is the culprit. Other ports wait
   * meanwhile: where their frames are received, these lie in part, and if they ended this worker too, it would be forgotten which
   * frames are suspects.
   */
  #forwardSuspect(now: number): void {
    const batch = this.#batch;
    const takeover = this.#takeover;
    takeover.next(batch);
    if (takeover.isCulprit) {
      this.#ingress.condemn(batch);
      if (this.#recorder.isActive) this.#recorder.made(batch);
    } else {
      this.#judge(batch, now);
    }
    this.#carryOut(batch, now);
    if (takeover.settled()) this.#ports[batch.ingress]!.release();
  }

  #judge(batch: Batch, now: number): void {
    this.#takeover.judging(batch);
    this.#reach.begin(batch.ingress);
    this.#ingress.classify(batch, now);
    if (this.#isWatched) this.#show(batch);
    this.#logics.active.decide!(batch, now);
  }

  #carryOut(batch: Batch, now: number): void {
    this.#ingress.count(batch);
    this.#takeover.judged();
    this.#egress.dispatch(batch, now);
    if (this.#logics.host !== null) this.#logics.host.flush(this.#egress, batch);
    if (this.#recorder.isActive) this.#recorder.finish();
  }

  #configure(handle: number, config: PortConfig): void {
    this.#configs[handle] = config;
    this.#table.configure(handle, config);
    this.#mirrors.configure(handle, config.mirror);
    this.#watch();
  }

  /** Begins with all there is. */
  #beginJournal(orders: RecordOrders): Journal {
    const { memory, board } = this.#options;
    const parts = { orders, worker: this.#worker, memory, board, fdb: this.#fdb, host: () => this.#logics.host };
    const journal = new Journal(parts);
    journal.turn(this.#now, this.#logics.clock.ms);
    journal.useFdb(this.#fdb);
    for (const { handle } of this.#open) journal.opened(handle, this.#configs[handle]!);
    journal.changed({
      do: 'switch',
      forwardReserved: [...this.#ingress.forwardReserved].map((forwards) => forwards === 1),
    });
    journal.noteStorms();
    journal.noteTables(this.#logics.loads);
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
}
