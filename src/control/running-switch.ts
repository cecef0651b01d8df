/**
 * The switch: its settings, tables, ports and workers behind one face. The main thread never touches a frame; what it
 * decides reaches the workers as commands, and is true for its caller once all of them have acknowledged.
 */
import { ffi } from '../../native-bindings/syscalls.ts';
import { Board } from '../shared/board.ts';
import type { Command, Fault } from '../shared/commands.ts';
import { type Happening, LEARNED, MOVED } from '../shared/happenings.ts';
import { TICKS_PER_SECOND } from '../switching/fdb.ts';
import { VERSION } from '../version.ts';
import type { KeptSockets } from './attach/kept-sockets.ts';
import { ChangeQueue } from './change-queue.ts';
import type { Beginning } from './begin.ts';
import { Capturing } from './capture/capturing.ts';
import { EventBus } from './events.ts';
import { Doctor } from './doctor/doctor.ts';
import type { Finding } from './doctor/finding.ts';
import { Logics } from './logic/logics.ts';
import type { RunRecord } from './logic/run-record.ts';
import { HappeningsReader } from './happenings-reader.ts';
import { faultFields, type Log } from './log.ts';
import { MacTable } from './mac-table.ts';
import { Mirroring } from './mirroring.ts';
import type {
  CaptureControl,
  DropView,
  ExplainRequest,
  ExplainView,
  FdbEntryView,
  FdbFilter,
  FdbPage,
  FdbRequest,
  FdbUsage,
  OwnedPort,
  PortPatch,
  PortRequest,
  PortState,
  PortView,
  StatsView,
  SwitchControl,
  SwitchPatch,
  SwitchSettings,
  SwitchView,
  TapIo,
  VlanView,
} from './model.ts';
import type { Owner } from './plumbing/ownership.ts';
import { Ports } from './ports.ts';
import { Protection } from './protection.ts';
import { Recordings } from './recording/recordings.ts';
import { Reports } from './reports.ts';
import { patchedSettings } from './settings.ts';
import { keeperOf, stateView } from './store/keeper.ts';
import type { Store } from './store/store.ts';
import { forwardReserved, shownState, vlanViews } from './views.ts';
import { type ApplyOptions, type ApplyResult, Configuration } from './wish/configuration.ts';
import { handsOf } from './wish/hands.ts';
import type { Problem } from './wish/problem.ts';
import type { Draft } from './wish/problems.ts';
import type { ConfigView, WishRequest } from './wish/wish.ts';
import { Workers } from './workers.ts';

export interface RunningSwitchOptions {
  workers: number;
  log: Log;
  giveFault: ((fault: (worker: number, fault: Fault) => Promise<void>) => void) | null;
  store: Store | null;
  /** What of others' kept state had to be set aside. */
  notices: readonly string[];
  owner: Owner;
  sockets: KeptSockets;
  /** What the next life is to know of the logics of this one; null: there will be none. */
  runRecord: RunRecord | null;
  tapIo: TapIo;
  /** Whether the kernel carries UDP segmentation in virtio-net headers. */
  uso: boolean;
  settings: SwitchSettings;
}

export class Switch implements SwitchControl {
  readonly events = new EventBus();
  readonly logic: Logics;
  readonly recordings: Recordings;
  readonly #log: Log;
  readonly #changes = new ChangeQueue();
  readonly #workers: Workers;
  readonly #ports: Ports;
  readonly #macs: MacTable;
  readonly #protection: Protection;
  readonly #configuration: Configuration;
  readonly #capturing: Capturing;
  readonly #happenings: HappeningsReader;
  readonly #reports: Reports;
  readonly #store: Store | null;
  readonly #notices: readonly string[];
  readonly #doctor = new Doctor({
    ports: () => this.ports(),
    port: (name) => this.port(name),
    addTemporaryPort: (request) => this.#changes.run(() => this.#ports.add(request, { wishedBy: 'examination' })),
    removePort: (name) => this.#changes.run(() => this.#ports.remove(name)),
    settings: () => this.settings(),
    logics: () => this.logic.list(),
  });
  readonly #clockStartMs = hrtimeMs();
  #settings: SwitchSettings;
  #closed: Promise<void> | null = null;

  constructor(options: RunningSwitchOptions) {
    const { workers, log, store, notices, owner, sockets, runRecord, tapIo, uso, settings } = options;
    this.#log = log;
    this.#store = store;
    this.#notices = notices;
    this.#settings = settings;
    const board = Board.create(workers);
    const now = (): number => this.#now();
    this.#macs = new MacTable({
      events: this.events,
      now,
      settings: this.#settings,
      port: (name) => this.#ports.registry.get(name),
      nameOf: (handle) => this.#nameOf(handle),
    });
    this.#workers = new Workers({
      count: workers,
      board,
      tapIo,
      clockStartMs: this.#clockStartMs,
      fdb: () => this.#macs.fdb.buffer,
      snapshot: (worker) => [
        this.#switchCommand(this.#settings),
        ...this.#ports.snapshot(worker),
        ...this.#capturing.snapshot(worker),
        { do: 'logics', logics: this.logic.loads() },
      ],
      onRestart: (worker, error, logic) => this.#onRestart(worker, error, logic),
      onLogic: (report) => this.logic.onReport(report),
      onPortFailed: (handle) => this.#ports.check(handle),
      onReadable: () => this.#ports.readLinks(),
    });
    if (runRecord) runRecord.onMarks = (fd) => this.#workers.markIn(fd);
    this.logic = new Logics({
      change: (change) => this.#configuration.change(change),
      followUp: (change) => this.#configuration.followUp(change),
      events: this.events,
      workers,
      command: (command) => this.#workers.command(() => [command]),
      arenas: () => this.#workers.arenas(),
      runRecord,
      nameOf: (handle) => this.#nameOf(handle),
      checkPort: (name) => void this.#ports.registry.get(name),
      log,
    });
    options.giveFault?.((worker, fault) => this.#workers.fault(worker, fault));
    this.#capturing = new Capturing({
      workers,
      command: (commandsFor) => this.#workers.command(commandsFor),
      events: this.events,
      ports: () => this.#ports.registry.all(),
      checkPort: (name) => void this.#ports.registry.get(name),
      clock: () => hrtimeMs() - this.#clockStartMs,
      log,
    });
    this.recordings = new Recordings({
      workers,
      command: (commandsFor) => this.#workers.command(commandsFor),
      clock: () => hrtimeMs() - this.#clockStartMs,
      log,
    });
    const { mirrorFiles } = this.#capturing;
    const find = (name: string) => this.#ports.registry.find(name);
    this.#ports = new Ports({
      board,
      workers: this.#workers,
      changes: this.#changes,
      events: this.events,
      owner,
      sockets,
      keeps: store !== null,
      uso,
      fdb: () => this.#macs.fdb,
      recording: () => this.#capturing.portsComing(),
      mirroring: new Mirroring({ files: mirrorFiles, events: this.events, find, log }),
      safety: (handle) => this.#protection.of(this.#nameOf(handle)),
      log,
    });
    this.#protection = new Protection({
      events: this.events,
      settings: () => this.#settings,
      at: (handle) => this.#ports.registry.at(handle),
      byName: find,
      row: (record) => this.#ports.counts.row(record),
      reconfigure: (record) => this.#inBackground(this.#ports.reconfigure(record)),
      command: (commands) => this.#inBackground(this.#workers.command((worker) => (worker === 0 ? commands : []))),
    });
    this.#configuration = new Configuration({
      changes: this.#changes,
      events: this.events,
      hands: handsOf({
        ports: this.#ports,
        owner,
        macs: this.#macs,
        settings: () => this.#settings,
        patchSettings: (patch) => this.#patchSettings(patch),
        logics: this.logic,
      }),
      keeper: store && keeperOf(store, { instance: owner.id, ports: this.#ports, events: this.events }),
      log,
    });
    this.#reports = new Reports({
      board,
      ports: this.#ports,
      workers: this.#workers,
      settings: () => this.#settings,
      fdb: () => this.#macs.fdb.buffer,
      logics: () => this.logic.loads(),
      logicStats: () => this.logic.stats(),
      now,
      nameOf: (handle) => this.#nameOf(handle),
    });
    this.#happenings = new HappeningsReader(board.buffers.happenings, {
      onHappening: (happening) => this.#onHappening(happening),
      onSuppressed: (count) => this.#macs.onSuppressed(count),
    });
  }

  /** Brings the switch to what it begins with, before anybody else asks for a change. */
  begin({ wish, ports, ...before }: Beginning): Promise<void> {
    return this.#changes.run(async () => {
      for (const notice of this.#allNotices()) this.events.emit('state.damaged', { notice });
      const giveEntries = (): void => {
        for (const entry of wish.fdb) this.#macs.give(entry, { evenIfIdle: true });
      };
      // Settings and given addresses are in force before the first frame is; the workers are still loading meanwhile.
      await Promise.all([
        this.#workers.command(() => [this.#switchCommand(this.#settings)]),
        this.#ports.begin(ports, giveEntries),
      ]);
      this.logic.begin(wish.logics);
      this.#configuration.begin(before);
      if (this.#store) this.#ports.keepAll();
    });
  }

  ports(): PortView[] {
    return this.#ports.registry.all().map((record) => this.#ports.view(record));
  }

  port(name: string): PortView {
    return this.#ports.view(this.#ports.registry.get(name));
  }

  addPort(request: PortRequest): Promise<PortView> {
    return this.#configuration.change(() => this.#ports.add(request));
  }

  patchPort(name: string, patch: PortPatch): Promise<PortView> {
    return this.#configuration.change(() => this.#ports.patch(name, patch));
  }

  removePort(name: string): Promise<void> {
    return this.#configuration.change(() => this.#ports.remove(name));
  }

  addOwnedPort({ request, remembered }: OwnedPort, { orLost = false } = {}): Promise<PortView> {
    return this.#changes.run(() => this.#ports.add(request, { wishedBy: 'owner', remembered, orLost }));
  }

  removeOwnedPort(name: string): Promise<void> {
    return this.#changes.run(async () => {
      if (this.#ports.registry.find(name)?.wishedBy === 'owner') await this.#ports.remove(name);
    });
  }

  ownedPortState(name: string): PortState | null {
    const record = this.#ports.registry.find(name);
    return record?.wishedBy === 'owner' ? shownState(record) : null;
  }

  vlans(): VlanView[] {
    return vlanViews(this.#ports.registry.all());
  }

  fdb(filter: FdbFilter, page: { limit: number; cursor?: string }): Promise<FdbPage> {
    return this.#macs.list(filter, page);
  }

  fdbUsage(): FdbUsage {
    return this.#macs.usage();
  }

  addFdb(request: FdbRequest): Promise<FdbEntryView> {
    return this.#configuration.change(async () => this.#macs.give(request));
  }

  removeFdb(vlan: number, mac: string): Promise<void> {
    return this.#configuration.change(async () => this.#macs.remove(vlan, mac));
  }

  flushFdb(filter: FdbFilter): Promise<number> {
    const flush = (): Promise<number> => this.#macs.flush(filter);
    // What was learned is nobody's wish.
    return (filter.kind ?? 'dynamic') === 'dynamic' ? this.#changes.run(flush) : this.#configuration.change(flush);
  }

  settings(): SwitchView {
    return {
      ...this.#settings,
      workers: this.#workers.count,
      ffi: ffi.name,
      tapIo: this.#workers.tapIo,
      version: VERSION,
      state: stateView(this.#store, this.#allNotices(), this.#configuration.generation),
    };
  }

  patchSettings(patch: SwitchPatch): Promise<SwitchView> {
    return this.#configuration.change(() => this.#patchSettings(patch));
  }

  config(): ConfigView {
    return this.#configuration.view();
  }

  configProblems(draft: Draft): Promise<Problem[]> {
    return this.#configuration.problems(draft);
  }

  applyConfig(wanted: WishRequest, options?: ApplyOptions): Promise<ApplyResult> {
    return this.#configuration.apply(wanted, options);
  }

  confirmConfig(options?: Pick<ApplyOptions, 'ifMatch'>): Promise<void> {
    return this.#configuration.confirm(options);
  }

  stats(): StatsView {
    return this.#reports.stats();
  }

  problems(): string[] {
    const unkept = this.#store?.problem ?? null;
    return [...this.#workers.problems(), ...(unkept === null ? [] : [unkept])];
  }

  drops(): DropView[] {
    return this.#reports.drops();
  }

  explain(request: ExplainRequest): Promise<ExplainView> {
    return this.#reports.explain(request);
  }

  examine(port?: string): Promise<Finding[]> {
    return this.#doctor.examine(port);
  }

  get captures(): CaptureControl {
    return this.#capturing.captures;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#changes.run(async () => {
      await this.recordings.close();
      await this.#capturing.close();
      this.#configuration.close();
      this.#macs.close();
      this.#protection.close();
      await this.#happenings.close();
      await this.#reports.close();
      await this.#workers.close();
      await this.#ports.close();
      await this.logic.close();
      this.#store?.close();
    }));
  }

  async #patchSettings(patch: SwitchPatch): Promise<SwitchView> {
    const wanted = patchedSettings(this.#settings, patch);
    const commands: Command[] = [this.#switchCommand(wanted)];
    if (await this.#macs.configure(wanted)) {
      this.#ports.limitLearning();
      commands.push({ do: 'fdb', table: this.#macs.fdb.buffer });
    }
    this.#settings = wanted;
    await this.#workers.command(() => commands);
    if (!wanted.loopProtection) this.#protection.unblockAll(this.#ports.registry.all());
    return this.settings();
  }

  /** What frames did to a table is told as an event; what looks like a loop, loop protection looks into. */
  #onHappening(happening: Happening): void {
    const { kind } = happening;
    if (kind === LEARNED || kind === MOVED) this.#macs.onHappening(happening);
    else this.#protection.onHappening(happening);
  }

  #allNotices(): string[] {
    return [...(this.#store?.notices ?? []), ...this.#notices];
  }

  #nameOf(handle: number): string {
    return this.#ports.registry.at(handle)?.request.name ?? '';
  }

  #inBackground(change: Promise<void>): void {
    change.catch((error: unknown) => this.#log.error('change in the background failed', faultFields(error)));
  }

  #switchCommand(settings: SwitchSettings): Command {
    const { busyPollMicros } = settings;
    return { do: 'switch', config: { forwardReserved: forwardReserved(settings), busyPollMicros } };
  }

  /**
   * @param error what it threw; null: it hung
   * @param logic id of the loaded logic that it was in; 0: in none
   */
  #onRestart(worker: number, error: unknown, logic: number): void {
    const thrown = error instanceof Error ? error : null;
    const reason = error === null ? 'hung' : 'threw';
    this.#log.warn('worker replaced', { worker, reason, ...(thrown ? faultFields(thrown) : {}) });
    this.#macs.fdb.freeLocksOf(worker + 1);
    this.recordings.onWorkerEnded();
    this.logic.onWorkerEnded(worker, logic, {
      reason: thrown?.message ?? 'it did not come back',
      lacksMemory: thrown !== null && 'code' in thrown && thrown.code === 'ERR_WORKER_OUT_OF_MEMORY',
    });
    this.events.emit('worker.restarted', { worker, reason, error: thrown?.message ?? null });
  }

  /** FDB ticks. */
  #now(): number {
    return Math.floor(((hrtimeMs() - this.#clockStartMs) * TICKS_PER_SECOND) / 1000) | 0;
  }
}

function hrtimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
