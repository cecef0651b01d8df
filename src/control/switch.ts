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
import { ChangeQueue } from './change-queue.ts';
import { addRow, dropsOf, portStats, totals } from './counters.ts';
import { EventBus } from './events.ts';
import { dropViews } from './drop-view.ts';
import { Doctor } from './doctor/doctor.ts';
import type { Finding } from './doctor/finding.ts';
import { Explainer, parseFrame } from './explainer.ts';
import { HappeningsReader } from './happenings-reader.ts';
import { faultFields, type Log, SILENT } from './log.ts';
import { MacTable } from './mac-table.ts';
import type {
  DropView,
  ExplainRequest,
  ExplainView,
  FdbEntryView,
  FdbFilter,
  FdbPage,
  FdbRequest,
  FdbUsage,
  PortPatch,
  PortRequest,
  PortView,
  StatsView,
  SwitchControl,
  SwitchPatch,
  SwitchSettings,
  SwitchView,
  TapIo,
  VlanView,
} from './model.ts';
import { removeLeftovers } from './plumbing/ownership.ts';
import { Ports } from './ports.ts';
import { Protection } from './protection.ts';
import { patchedSettings, SETTINGS_DEFAULT } from './settings.ts';
import { chooseTapIo } from './tap-io.ts';
import { forwardReserved, portConfig, vlanViews } from './views.ts';
import { type ApplyOptions, type ApplyResult, Configuration } from './wish/configuration.ts';
import { handsOf } from './wish/hands.ts';
import type { Problem } from './wish/problem.ts';
import type { Draft } from './wish/problems.ts';
import type { ConfigView, WishRequest } from './wish/wish.ts';
import { Workers } from './workers.ts';

export interface SwitchOptions {
  workers: number;
  /** Told what users of a long-running daemon want to know; never per frame. */
  log?: Log;
  /** For tests: is given what makes a worker throw or hang. */
  giveFault?: (fault: (worker: number, fault: Fault) => Promise<void>) => void;
}

/** Makes a switch without ports. Removes what dead daemons left behind first. */
export async function createSwitch(options: SwitchOptions): Promise<SwitchControl> {
  const log = options.log ?? SILENT;
  const tapIo = chooseTapIo(log);
  for (const netdev of await removeLeftovers()) log.info('removed what a dead daemon left behind', { netdev });
  return new Switch(options, tapIo, log);
}

class Switch implements SwitchControl {
  readonly events = new EventBus();
  readonly #log: Log;
  readonly #changes = new ChangeQueue();
  readonly #workers: Workers;
  readonly #ports: Ports;
  readonly #board: Board;
  readonly #macs: MacTable;
  readonly #protection: Protection;
  readonly #configuration: Configuration;
  readonly #happenings: HappeningsReader;
  readonly #explainer = new Explainer();
  readonly #doctor = new Doctor({
    ports: () => this.ports(),
    port: (name) => this.port(name),
    addTemporaryPort: (request) => this.#changes.run(() => this.#ports.add(request, { isTemporary: true })),
    removePort: (name) => this.#changes.run(() => this.#ports.remove(name)),
    settings: () => this.settings(),
  });
  readonly #clockStartMs = hrtimeMs();
  #settings: SwitchSettings = SETTINGS_DEFAULT;
  #closed: Promise<void> | null = null;

  constructor(options: SwitchOptions, tapIo: TapIo, log: Log) {
    const { workers } = options;
    this.#log = log;
    const board = Board.create(workers);
    this.#board = board;
    const now = (): number => this.#now();
    this.#macs = new MacTable({
      events: this.events,
      now,
      settings: this.#settings,
      port: (name) => this.#ports.get(name),
      nameOf: (handle) => this.#nameOf(handle),
    });
    this.#workers = new Workers({
      count: workers,
      board,
      tapIo,
      clockStartMs: this.#clockStartMs,
      fdb: () => this.#macs.fdb.buffer,
      snapshot: (worker) => [this.#switchCommand(this.#settings), ...this.#ports.snapshot(worker)],
      onRestart: (worker, error) => this.#onRestart(worker, error),
      onPortFailed: (handle) => this.#ports.check(handle),
      onReadable: () => this.#ports.readLinks(),
    });
    options.giveFault?.((worker, fault) => this.#workers.fault(worker, fault));
    this.#ports = new Ports({
      board,
      workers: this.#workers,
      changes: this.#changes,
      events: this.events,
      fdb: () => this.#macs.fdb,
      safety: (handle) => this.#protection.of(this.#nameOf(handle)),
      log,
    });
    this.#protection = new Protection({
      events: this.events,
      settings: () => this.#settings,
      at: (handle) => this.#ports.at(handle),
      byName: (name) => this.#ports.find(name),
      row: (record) => this.#ports.row(record),
      reconfigure: (record) => this.#inBackground(this.#ports.reconfigure(record)),
      command: (commands) => this.#inBackground(this.#workers.command((worker) => (worker === 0 ? commands : []))),
    });
    this.#configuration = new Configuration({
      changes: this.#changes,
      events: this.events,
      hands: handsOf({
        ports: this.#ports,
        macs: this.#macs,
        settings: () => this.#settings,
        patchSettings: (patch) => this.#patchSettings(patch),
      }),
      log,
    });
    this.#happenings = new HappeningsReader(board.buffers.happenings, {
      onHappening: (happening) => this.#onHappening(happening),
      onSuppressed: (count) => this.#macs.onSuppressed(count),
    });
  }

  ports(): PortView[] {
    return this.#ports.all().map((record) => this.#ports.view(record));
  }

  port(name: string): PortView {
    return this.#ports.view(this.#ports.get(name));
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

  vlans(): VlanView[] {
    return vlanViews(this.#ports.all());
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
    const all = this.#ports.retired();
    const rows = this.#ports.all().map((record) => [record.attachment.identity.name, this.#ports.row(record)] as const);
    for (const [, row] of rows) addRow(all, row);
    // Not by assignment: a port may be named __proto__.
    const ports = Object.fromEntries(rows.map(([name, row]) => [name, portStats(row)]));
    return { totals: totals(all), ports, drops: dropsOf(all), workers: this.#workers.views() };
  }

  problems(): string[] {
    return this.#workers.problems();
  }

  drops(): DropView[] {
    const { drops } = this.stats();
    return dropViews(drops, this.#board.buffers.dropSamples, this.#now(), (handle) => this.#nameOf(handle));
  }

  async explain(request: ExplainRequest): Promise<ExplainView> {
    const { handle } = this.#ports.get(request.port);
    return this.#explainer.explain(request.port, {
      ports: this.#ports.all().map((record) => ({
        handle: record.handle,
        name: this.#nameOf(record.handle),
        config: portConfig(record, this.#protection.of(this.#nameOf(record.handle)).blocked !== null),
      })),
      ingress: handle,
      frame: parseFrame(request.frame),
      forwardReserved: forwardReserved(this.#settings),
      fdb: this.#macs.fdb.buffer,
      probeTokens: this.#board.probeTokens.slice(),
      now: this.#now(),
    });
  }

  examine(port?: string): Promise<Finding[]> {
    return this.#doctor.examine(port);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#changes.run(async () => {
      this.#configuration.close();
      this.#macs.close();
      this.#protection.close();
      await this.#happenings.close();
      await this.#explainer.close();
      await this.#workers.close();
      await this.#ports.close();
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
    if (!wanted.loopProtection) this.#protection.unblockAll(this.#ports.all());
    return this.settings();
  }

  /** What frames did to a table is told as an event; what looks like a loop, loop protection looks into. */
  #onHappening(happening: Happening): void {
    const { kind } = happening;
    if (kind === LEARNED || kind === MOVED) this.#macs.onHappening(happening);
    else this.#protection.onHappening(happening);
  }

  #nameOf(handle: number): string {
    return this.#ports.at(handle)?.attachment.identity.name ?? '';
  }

  #inBackground(change: Promise<void>): void {
    change.catch((error: unknown) => this.#log.error('change in the background failed', faultFields(error)));
  }

  #switchCommand(settings: SwitchSettings): Command {
    const { busyPollMicros } = settings;
    return { do: 'switch', config: { forwardReserved: forwardReserved(settings), busyPollMicros } };
  }

  /** @param error what it threw; null: it hung */
  #onRestart(worker: number, error: unknown): void {
    const thrown = error instanceof Error ? error : null;
    const reason = error === null ? 'hung' : 'threw';
    this.#log.warn('worker replaced', { worker, reason, ...(thrown ? faultFields(thrown) : {}) });
    this.#macs.fdb.freeLocksOf(worker + 1);
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
