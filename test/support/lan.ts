/** A switch of memory ports, without a kernel: the same data path that workers run, driven by hand with a virtual clock. */
import { DataPath } from '../../src/datapath/data-path.ts';
import { Board, Counter, FIRST_DROP_COUNTER, ROW_COUNTERS } from '../../src/shared/board.ts';
import type { PortConfig } from '../../src/shared/commands.ts';
import { GATHER_LIST_BYTES } from '../../src/ports/gather-list.ts';
import { MEMORY_PORT_BUFFER_BYTES, MemoryPort } from '../../src/ports/memory-port.ts';
import { Drop, DROP_NAMES } from '../../src/switching/drop-reasons.ts';
import { Fdb, TICKS_PER_SECOND } from '../../src/switching/fdb.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { tagsOf } from './frames.ts';

export const PORT_DEFAULTS: PortConfig = {
  mode: 'access',
  vlan: 1,
  trunks: [],
  mtu: 1500,
  learning: true,
  floodUnknown: true,
  floodMulticast: true,
  floodBroadcast: true,
  isolated: false,
  up: true,
  offloads: 0,
};

export class Lan {
  readonly ports = new Map<string, MemoryPort>();
  readonly fdb: Fdb;
  readonly board = Board.create(1);
  readonly dataPath: DataPath;
  seconds = 0;
  readonly #configs = new Map<string, PortConfig>();

  constructor(ports: Record<string, Partial<PortConfig>>, options: { fdbLimit?: number; ageingSeconds?: number } = {}) {
    const ageingTicks = (options.ageingSeconds ?? 300) * TICKS_PER_SECOND;
    const fdb = Fdb.allocate(options.fdbLimit ?? 65_536, ageingTicks);
    this.fdb = new Fdb(fdb, 99);
    const names = Object.keys(ports);
    const bytes = new Uint8Array(new SharedArrayBuffer(GATHER_LIST_BYTES + names.length * MEMORY_PORT_BUFFER_BYTES));
    const memory = { bytes, address: 0 };
    this.dataPath = new DataPath({ worker: 0, board: this.board, memory, gatherListAt: 0, fdb, logic: learning });
    names.forEach((name, handle) => {
      const port = new MemoryPort(handle, memory, GATHER_LIST_BYTES + handle * MEMORY_PORT_BUFFER_BYTES);
      this.ports.set(name, port);
      const config = { ...PORT_DEFAULTS, ...ports[name] };
      this.#configs.set(name, config);
      this.dataPath.openPort(port, config);
    });
  }

  port(name: string): MemoryPort {
    const port = this.ports.get(name);
    if (!port) throw new Error(`no port ${name}`);
    return port;
  }

  configure(name: string, change: Partial<PortConfig>): void {
    const config = { ...this.#configs.get(name)!, ...change };
    this.#configs.set(name, config);
    this.dataPath.configurePort(this.port(name).handle, config);
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

if (FIRST_DROP_COUNTER + DROP_NAMES.length > ROW_COUNTERS) throw new Error('a counter row holds every drop reason');
