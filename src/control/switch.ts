/**
 * The switch: its ports, tables and workers, and every change to them, one at a time. The main thread never touches a frame;
 * what it decides reaches the workers as commands, and is true for its caller once all of them have acknowledged.
 */
import { ffi } from '../../native-bindings/syscalls.ts';
import { AGEING_SECONDS_DEFAULT, FDB_LIMIT_DEFAULT, PORTS_MAX } from '../limits.ts';
import { Board } from '../shared/board.ts';
import type { Command, SwitchConfig } from '../shared/commands.ts';
import { Fdb, type FdbEntry, KIND_DYNAMIC, TICKS_PER_SECOND } from '../switching/fdb.ts';
import { VERSION } from '../version.ts';
import type { Attach, LinkState } from './attach/attachment.ts';
import { attachPacket } from './attach/packet.ts';
import { attachTap } from './attach/tap.ts';
import { attachVeth } from './attach/veth.ts';
import { addRow, clearRows, dropsOf, noteOverflow, portStats, readRow, totals } from './counters.ts';
import { TswitchError } from './errors.ts';
import { fdbPage, resizedFdb, vlanOf } from './fdb-view.ts';
import { OFFLOAD_NAMES } from './model.ts';
import type {
  FdbFilter,
  FdbPage,
  PortKind,
  PortPatch,
  PortRequest,
  PortSettings,
  PortView,
  StatsView,
  SwitchControl,
  SwitchSettings,
  SwitchView,
  VlanView,
} from './model.ts';
import { applyPatch, type NormalPortRequest, normalizePortRequest } from './port-request.ts';
import type { PortRecord } from './port-record.ts';
import { knowsUdpSegmentation } from '../ports/open-tap.ts';
import { LinkMonitor } from './plumbing/link-monitor.ts';
import { removeLeftovers } from './plumbing/ownership.ts';
import { explainSyscall } from './syscall-errors.ts';
import { carriesVlan, portConfig, portView, reservedMask, vlanViews } from './views.ts';
import { Workers } from './workers.ts';

/** Look-ups take aged entries for absent by themselves; sweeping only makes room. */
const SWEEP_MS = 5000;
/** The control plane's number in bucket locks: none of a worker's (1 to WORKERS_MAX). */
const CONTROL_OWNER = 0x7fff;

const ATTACH: Record<Exclude<PortKind, 'memory'>, Attach> = { veth: attachVeth, packet: attachPacket, tap: attachTap };

export interface SwitchOptions {
  workers: number;
  /** Told what users of a long-running daemon want to know; never per frame. */
  log?: (message: string) => void;
}

/** Makes a switch without ports. Removes what dead daemons left behind first. */
export async function createSwitch(options: SwitchOptions): Promise<SwitchControl> {
  const log = options.log ?? (() => {});
  for (const netdev of await removeLeftovers()) log(`removed ${netdev}, left behind by a daemon that is gone`);
  return new Switch(options.workers, log);
}

class Switch implements SwitchControl {
  readonly #log: (message: string) => void;
  readonly #board: Board;
  readonly #workers: Workers;
  readonly #links = new LinkMonitor();
  readonly #ports = new Map<string, PortRecord>();
  readonly #byHandle: (PortRecord | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  readonly #clockStartMs = hrtimeMs();
  readonly #uso = knowsUdpSegmentation();
  /** What removed ports counted, so that the totals stay true. */
  readonly #retired: Float64Array;
  readonly #sweeper: NodeJS.Timeout;
  #fdb: Fdb;
  #settings: SwitchSettings = {
    ageingSeconds: AGEING_SECONDS_DEFAULT,
    fdbLimit: FDB_LIMIT_DEFAULT,
    reservedAddresses: { forward: [] },
  };
  /** The change under way; the next one waits for it. */
  #change: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | null = null;

  constructor(workers: number, log: (message: string) => void) {
    this.#log = log;
    this.#board = Board.create(workers);
    this.#retired = new Float64Array(readRow(this.#board, workers, 0).length);
    this.#fdb = new Fdb(Fdb.allocate(FDB_LIMIT_DEFAULT, AGEING_SECONDS_DEFAULT * TICKS_PER_SECOND), CONTROL_OWNER);
    this.#workers = new Workers({
      count: workers,
      board: this.#board,
      clockStartMs: this.#clockStartMs,
      fdb: () => this.#fdb.buffer,
      snapshot: (worker) => this.#snapshot(worker),
      onRestart: (worker, error) => this.#onRestart(worker, error),
    });
    this.#sweeper = setInterval(() => {
      if (this.#fdb.count > 0) this.#fdb.sweep(this.#now());
    }, SWEEP_MS).unref();
  }

  ports(): PortView[] {
    return [...this.#ports.values()].map((record) => this.#view(record));
  }

  port(name: string): PortView {
    return this.#view(this.#record(name));
  }

  addPort(request: PortRequest): Promise<PortView> {
    return this.#exclusively(async () => {
      const normal = normalizePortRequest(request);
      if (this.#ports.has(normal.name)) {
        throw new TswitchError(
          'PORT_EXISTS',
          `there is a port ${normal.name} already: remove it first, or use another name`,
        );
      }
      if (normal.kind === 'memory') {
        throw new TswitchError(
          'BAD_REQUEST',
          'memory ports exist in tests and sandboxes only: use veth, tap or packet',
        );
      }
      this.#refuseUsed(normal.netdev);
      const handle = this.#byHandle.indexOf(null);
      if (handle < 0) {
        throw new TswitchError('LIMIT_REACHED', `a switch has at most ${PORTS_MAX} ports: remove one first`);
      }
      let record: PortRecord | null = null;
      let early: LinkState | null = null;
      const attachment = await ATTACH[normal.kind](normal, {
        arenas: Array.from({ length: this.#workers.count }, (_, worker) => this.#workers.arena(worker)),
        links: this.#links,
        uso: this.#uso,
        onLink: (state) => {
          if (record) this.#onLink(record, state);
          else early = state;
        },
      }).catch((error: unknown) => {
        throw explainSyscall(error);
      });
      const settings = settingsOf(normal, attachment.netdevMtu, this.#uso);
      const link = early ?? attachment.link;
      record = { handle, attachment, settings, link, hasGoneDown: false, isClosing: false };
      this.#resetCursors(handle);
      this.#ports.set(normal.name, record);
      this.#byHandle[handle] = record;
      const opened = record;
      try {
        await this.#workers.command((worker) => [openCommand(opened, worker)]);
      } catch (error) {
        await this.#remove(opened);
        throw error;
      }
      return this.#view(opened);
    });
  }

  patchPort(name: string, patch: PortPatch): Promise<PortView> {
    return this.#exclusively(async () => {
      const record = this.#record(name);
      const wanted = applyPatch(record.settings, patch, record.attachment.identity.addresses);
      if (wanted.mtu !== record.settings.mtu) await record.attachment.setMtu(wanted.mtu);
      record.settings = wanted;
      await this.#reconfigure(record);
      return this.#view(record);
    });
  }

  removePort(name: string): Promise<void> {
    return this.#exclusively(() => this.#remove(this.#record(name)));
  }

  vlans(): VlanView[] {
    return vlanViews([...this.#ports.values()]);
  }

  fdb(filter: FdbFilter, page: { limit: number; cursor?: string }): FdbPage {
    const nameOf = (handle: number): string => this.#byHandle[handle]?.attachment.identity.name ?? '';
    return fdbPage(this.#fdb, this.#now(), this.#matcher(filter), nameOf, page);
  }

  flushFdb(filter: FdbFilter): number {
    return this.#fdb.removeWhere(this.#matcher(filter));
  }

  settings(): SwitchView {
    return { ...this.#settings, workers: this.#workers.count, ffi: ffi.name, version: VERSION };
  }

  patchSettings(patch: Partial<SwitchSettings>): Promise<SwitchView> {
    return this.#exclusively(async () => {
      const wanted = { ...this.#settings, ...patch };
      const commands: Command[] = [{ do: 'switch', config: { forwardReserved: reservedMask(wanted) } }];
      if (wanted.fdbLimit !== this.#settings.fdbLimit) {
        this.#fdb = new Fdb(resizedFdb(this.#fdb, wanted.fdbLimit, this.#now()), CONTROL_OWNER);
        commands.push({ do: 'fdb', table: this.#fdb.buffer });
      }
      this.#fdb.ageingTicks = wanted.ageingSeconds * TICKS_PER_SECOND;
      this.#settings = wanted;
      await this.#workers.command(() => commands);
      return this.settings();
    });
  }

  stats(): StatsView {
    const all = Float64Array.from(this.#retired);
    const rows = [...this.#ports].map(([name, record]) => [name, this.#row(record)] as const);
    for (const [, row] of rows) addRow(all, row);
    // Not by assignment: a port may be named __proto__.
    const ports = Object.fromEntries(rows.map(([name, row]) => [name, portStats(row)]));
    return { totals: totals(all), ports, drops: dropsOf(all), workers: this.#workers.views() };
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#exclusively(async () => {
      clearInterval(this.#sweeper);
      await this.#workers.close();
      for (const record of this.#ports.values()) {
        await record.attachment
          .close()
          .catch((error: unknown) => this.#log(`port ${nameOf(record)}: ${String(error)}`));
      }
      this.#ports.clear();
      this.#links.close();
    }));
  }

  /** Two phases: no worker uses the port any more, then what it was made of goes. Until then it keeps name and handle. */
  async #remove(record: PortRecord): Promise<void> {
    const { handle } = record;
    record.isClosing = true;
    await this.#workers.command(() => [{ do: 'close', handle }]);
    this.#ports.delete(nameOf(record));
    this.#byHandle[handle] = null;
    this.#fdb.removeWhere((entry) => entry.handle === handle);
    addRow(this.#retired, this.#row(record));
    clearRows(this.#board, this.#workers.count, handle);
    await record.attachment.close();
  }

  /** One netdev, one port: two would send each other's broadcasts out of the same wire. */
  #refuseUsed(netdev: string | null): void {
    for (const { attachment } of this.#ports.values()) {
      const { name, netdev: used } = attachment.identity;
      if (netdev !== null && used === netdev) {
        throw new TswitchError(
          'NETDEV_BUSY',
          `${netdev} is in use by port ${name}: remove that port first, or attach another netdev`,
        );
      }
    }
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#change.then(change);
    this.#change = result.catch(() => {});
    return result;
  }

  #record(name: string): PortRecord {
    const record = this.#ports.get(name);
    if (!record) {
      throw new TswitchError('PORT_NOT_FOUND', `there is no port ${name}: \`tswitch port ls\` shows those there are`);
    }
    return record;
  }

  #view(record: PortRecord): PortView {
    return portView(record, portStats(this.#row(record)));
  }

  #row(record: PortRecord): Float64Array {
    const row = readRow(this.#board, this.#workers.count, record.handle);
    noteOverflow(
      row,
      record.attachment.sockets.reduce((sum, sockets) => sum + sockets.overflowed(), 0),
    );
    return row;
  }

  #matcher(filter: FdbFilter): (entry: FdbEntry) => boolean {
    const handle = filter.port === undefined ? null : this.#record(filter.port).handle;
    return (entry) =>
      entry.kind === KIND_DYNAMIC &&
      (handle === null || entry.handle === handle) &&
      (filter.vlan === undefined || vlanOf(entry) === filter.vlan);
  }

  /** The netdev's carrier, administrative state or existence changed. */
  #onLink(record: PortRecord, state: LinkState): void {
    if (this.#byHandle[record.handle] !== record) return;
    if (state.up === record.link.up && state.lost === record.link.lost) return;
    record.link = state;
    if (!state.up) record.hasGoneDown = true;
    this.#exclusively(() => this.#reconfigure(record)).catch((error: unknown) =>
      this.#log(`port ${nameOf(record)}: ${String(error)}`),
    );
  }

  /** Brings the workers to the port's settings and state, and forgets addresses that it can no longer reach. */
  async #reconfigure(record: PortRecord): Promise<void> {
    if (this.#byHandle[record.handle] !== record) return;
    const { handle } = record;
    const config = portConfig(record);
    await this.#workers.command(() => [{ do: 'configure', handle, config }]);
    const forgetsAll = !config.up || record.hasGoneDown;
    record.hasGoneDown = false;
    this.#fdb.removeWhere(
      (entry) => entry.handle === handle && (forgetsAll || !carriesVlan(record.settings, vlanOf(entry))),
    );
  }

  #resetCursors(handle: number): void {
    for (let worker = 0; worker < this.#workers.count; worker++) {
      const cursor = this.#board.cursor(worker, handle);
      this.#board.cursors.fill(0, cursor, this.#board.cursor(worker, handle + 1));
    }
  }

  #snapshot(worker: number): Command[] {
    const config: SwitchConfig = { forwardReserved: reservedMask(this.#settings) };
    const open = [...this.#ports.values()].filter(({ isClosing }) => !isClosing);
    return [{ do: 'switch', config }, ...open.map((record) => openCommand(record, worker))];
  }

  #onRestart(worker: number, error: unknown): void {
    this.#log(
      `worker ${worker} is replaced: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    this.#fdb.freeLocksOf(worker + 1);
  }

  /** FDB ticks. */
  #now(): number {
    return Math.floor(((hrtimeMs() - this.#clockStartMs) * TICKS_PER_SECOND) / 1000) | 0;
  }
}

function openCommand(record: PortRecord, worker: number): Command {
  const resources = record.attachment.sockets[worker]!.resources;
  return { do: 'open', handle: record.handle, resources, config: portConfig(record) };
}

function settingsOf(request: NormalPortRequest, netdevMtu: number, uso: boolean): PortSettings {
  const { mode, vlan, trunks, learning, floodUnknown, floodMulticast, floodBroadcast, isolated, admin } = request;
  return {
    mode,
    vlan,
    trunks,
    learning,
    floodUnknown,
    floodMulticast,
    floodBroadcast,
    isolated,
    admin,
    mtu: request.mtu ?? netdevMtu,
    offloads: request.offloads ?? OFFLOAD_NAMES.filter((name) => name !== 'uso' || uso),
  };
}

function nameOf(record: PortRecord): string {
  return record.attachment.identity.name;
}

function hrtimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
