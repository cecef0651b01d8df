/** A switch of memory ports, without a kernel: the same data path that workers run, driven by hand with a virtual clock. */
import { DataPath } from '../../src/datapath/data-path.ts';
import explain from '../../src/datapath/explain.ts';
import { Board, Counter, FIRST_DROP_COUNTER, ROW_COUNTERS } from '../../src/shared/board.ts';
import { PORT_CONFIG_DEFAULT, type PortConfig } from '../../src/shared/commands.ts';
import type { Explanation } from '../../src/shared/explain-task.ts';
import { GATHER_LIST_BYTES } from '../../src/ports/gather-list.ts';
import { MEMORY_PORT_BUFFER_BYTES, MemoryPort } from '../../src/ports/memory-port.ts';
import { Drop, DROP_NAMES } from '../../src/switching/drop-reasons.ts';
import { Happenings, type Happening } from '../../src/shared/happenings.ts';
import type { AnyLogic } from '../../src/switching/logic.ts';
import { macText } from '../../src/control/fdb-view.ts';
import {
  Fdb,
  type FdbEntry,
  keyHigh,
  keyLow,
  KIND_DYNAMIC,
  KIND_STATIC,
  KIND_STICKY,
  TICKS_PER_SECOND,
} from '../../src/switching/fdb.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { RESERVED_ADDRESSES, RESERVED_FILTERED_DEFAULT } from '../../src/limits.ts';
import { macBytes, tagsOf } from './frames.ts';

const KINDS = { dynamic: KIND_DYNAMIC, static: KIND_STATIC, sticky: KIND_STICKY };
type Kind = keyof typeof KINDS;

export interface LanOptions {
  fdbLimit?: number;
  ageingSeconds?: number;
  portLimits?: Record<string, number>;
  /** Moves per second; null: an address is never held. */
  macMoveLimit?: number | null;
  macMoveHoldSeconds?: number;
  /** Decides in place of `learning`. */
  logic?: AnyLogic;
}

export class Lan {
  readonly ports = new Map<string, MemoryPort>();
  readonly fdb: Fdb;
  readonly board = Board.create(1);
  dataPath: DataPath;
  seconds = 0;
  readonly #newDataPath: () => DataPath;
  readonly #configs = new Map<string, PortConfig>();
  readonly #forwarded = Array.from({ length: RESERVED_ADDRESSES }, (_, last) => last >= RESERVED_FILTERED_DEFAULT);
  readonly #happenings = new Happenings(this.board.buffers.happenings[0]!);

  constructor(ports: Record<string, Partial<PortConfig>>, options: LanOptions = {}) {
    const ageingTicks = (options.ageingSeconds ?? 300) * TICKS_PER_SECOND;
    const fdb = Fdb.allocate({ limit: options.fdbLimit ?? 65_536, ageingTicks, seed: 1 });
    this.fdb = new Fdb(fdb, 99);
    const names = Object.keys(ports);
    const bytes = new Uint8Array(new SharedArrayBuffer(GATHER_LIST_BYTES + names.length * MEMORY_PORT_BUFFER_BYTES));
    const memory = { bytes, address: 0 };
    const { board } = this;
    const { logic = learning } = options;
    this.#newDataPath = () => new DataPath({ worker: 0, board, memory, gatherListAt: 0, fdb, logic });
    this.dataPath = this.#newDataPath();
    names.forEach((name, handle) => {
      const port = new MemoryPort(handle, memory, GATHER_LIST_BYTES + handle * MEMORY_PORT_BUFFER_BYTES);
      this.ports.set(name, port);
      this.#configs.set(name, { ...PORT_CONFIG_DEFAULT, ...ports[name] });
      this.fdb.setPortLimit(handle, options.portLimits?.[name] ?? -1);
    });
    this.fdb.setMoveLimit(options.macMoveLimit ?? 0, (options.macMoveHoldSeconds ?? 10) * TICKS_PER_SECOND);
    this.#open();
  }

  /** A worker takes over from one that ended, wherever that was. */
  replaceWorker(): void {
    this.dataPath = this.#newDataPath();
    this.#open();
  }

  openPort(name: string): void {
    this.dataPath.openPort(this.port(name), this.#configs.get(name)!);
  }

  closePort(name: string): void {
    this.dataPath.closePort(this.port(name).handle);
  }

  #open(): void {
    for (const name of this.ports.keys()) this.openPort(name);
    this.dataPath.configure({ forwardReserved: this.#forwarded });
  }

  port(name: string): MemoryPort {
    const port = this.ports.get(name);
    if (!port) throw new Error(`no port ${name}`);
    return port;
  }

  /** Changes a port, and forgets what it learned and can no longer reach, as the control plane does. */
  configure(name: string, change: Partial<PortConfig>): void {
    const config = { ...this.#configs.get(name)!, ...change };
    this.#configs.set(name, config);
    const { handle } = this.port(name);
    this.dataPath.configurePort(handle, config);
    const isTrunk = config.mode === 'trunk' || config.mode.startsWith('native-');
    const carries = (vid: number): boolean =>
      vid === config.vlan || (isTrunk && (config.trunks.length === 0 || config.trunks.includes(vid)));
    this.fdb.removeWhere(
      (entry) => entry.kind === KIND_DYNAMIC && entry.handle === handle && (!config.up || !carries(entry.high >>> 16)),
    );
  }

  /** Whether 01:80:c2:00:00:n is forwarded. */
  reserved(n: number, forward: boolean): void {
    this.#forwarded[n] = forward;
    this.dataPath.configure({ forwardReserved: this.#forwarded });
  }

  give(mac: string, vlan: number, port: string, kind: 'static' | 'sticky'): boolean {
    const { high, low } = key(mac, vlan);
    return this.fdb.give(high, low, this.port(port).handle, KINDS[kind], this.ticks);
  }

  forget(mac: string, vlan: number): boolean {
    const { high, low } = key(mac, vlan);
    return this.fdb.remove(high, low);
  }

  flush(filter: { port?: string; vlan?: number; kind?: Kind } = {}): number {
    return this.fdb.removeWhere(
      (entry) =>
        entry.kind === KINDS[filter.kind ?? 'dynamic'] &&
        (filter.port === undefined || entry.handle === this.port(filter.port).handle) &&
        (filter.vlan === undefined || entry.high >>> 16 === filter.vlan),
    );
  }

  sweep(aged?: (entry: FdbEntry) => void): number {
    return this.fdb.sweep(this.ticks, aged);
  }

  /** The alive entries, in order of VLAN and address. */
  entries(): { mac: string; vlan: number; port: string; kind: Kind }[] {
    const names = [...this.ports.keys()];
    const found: { mac: string; vlan: number; port: string; kind: Kind }[] = [];
    this.fdb.forEach(this.ticks, ({ high, low, handle, kind }) => {
      const name = kind === KIND_DYNAMIC ? 'dynamic' : kind === KIND_STATIC ? 'static' : 'sticky';
      found.push({ mac: macText(high, low), vlan: high >>> 16, port: names[handle]!, kind: name });
    });
    return found.sort((a, b) => a.vlan - b.vlan || a.mac.localeCompare(b.mac));
  }

  /** What the data path told the control plane since the last call. */
  happenings(): Happening[] {
    const told: Happening[] = [];
    this.#happenings.drain((happening) => told.push({ ...happening }));
    return told;
  }

  /** Sends one frame into a port; gives what left, by port. */
  send(from: string, frame: Uint8Array, header: Uint8Array | null = null): Map<string, Uint8Array[]> {
    for (const port of this.ports.values()) port.sent.length = 0;
    this.port(from).inject(frame, header);
    this.run();
    return new Map(
      [...this.ports].filter(([, port]) => port.sent.length > 0).map(([name, port]) => [name, [...port.sent]]),
    );
  }

  /** `send` in words: `b=untagged c=8100:10`, or `drop REASON`. */
  outcome(from: string, frame: Uint8Array, header: Uint8Array | null = null): string {
    const before = this.drops();
    const out = this.send(from, frame, header);
    const after = this.drops();
    const reasons = DROP_NAMES.filter((name) => (after[name] ?? 0) > (before[name] ?? 0)).map((name) => `drop ${name}`);
    const sent = [...out].map(([name, frames]) => `${name}=${frames.map(tagsOf).join(',')}`);
    return [...sent, ...reasons].join(' ');
  }

  /** What would become of the frame; nothing is changed. */
  explain(from: string, frame: Uint8Array): Explanation {
    return explain({
      ports: [...this.#configs].map(([name, config]) => ({ handle: this.port(name).handle, name, config })),
      ingress: this.port(from).handle,
      frame,
      logics: [],
      forwardReserved: this.#forwarded,
      fdb: this.fdb.buffer,
      probeTokens: this.board.probeTokens,
      now: this.ticks,
    });
  }

  run(): void {
    while (this.dataPath.turn(this.ticks) > 0);
  }

  get ticks(): number {
    return Math.round(this.seconds * TICKS_PER_SECOND);
  }

  count(name: string, counter: keyof typeof Counter): number {
    return this.board.counters[this.board.row(0, this.port(name).handle) + Counter[counter]]!;
  }

  total(counter: keyof typeof Counter): number {
    return [...this.ports.keys()].reduce((sum, name) => sum + this.count(name, counter), 0);
  }

  drops(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const port of this.ports.values()) {
      const row = this.board.row(0, port.handle);
      for (const name of DROP_NAMES) {
        const count = this.board.counters[row + FIRST_DROP_COUNTER + Drop[name]]!;
        if (count > 0) sums[name] = (sums[name] ?? 0) + count;
      }
    }
    return sums;
  }

  /** The counting rules, which hold at rest. */
  balance(): { taken: number; accounted: number; copies: number; left: number } {
    return {
      taken: this.total('RX_FRAMES'),
      accounted: this.total('FORWARDED') + this.total('FLOODED') + this.total('DROPPED'),
      copies: this.total('FORWARDED') + this.total('FLOOD_COPIES'),
      left: this.total('TX_FRAMES') + this.total('TX_DROPS'),
    };
  }
}

function key(mac: string, vlan: number): { high: number; low: number } {
  const bytes = Uint8Array.from(macBytes(mac));
  return { high: keyHigh(bytes, 0, vlan), low: keyLow(bytes, 0) };
}

if (FIRST_DROP_COUNTER + DROP_NAMES.length > ROW_COUNTERS) throw new Error('a counter row holds every drop reason');
