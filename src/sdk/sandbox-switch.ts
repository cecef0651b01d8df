/**
 * The sandbox: a whole switch without root and without a kernel, for tests of logics. Its ports are memory, its time is
 * told to it; its data path is the one that the daemon's workers run, so what a logic does here it does there.
 */
import { z } from 'zod';
import { DataPath } from '../datapath/data-path.ts';
import { LOGIC_BUFFER_BYTES, RESERVED_ADDRESSES, RESERVED_FILTERED_DEFAULT } from '../limits.ts';
import { GATHER_LIST_BYTES } from '../ports/gather-list.ts';
import { MEMORY_PORT_BUFFER_BYTES, MemoryPort } from '../ports/memory-port.ts';
import { Board, Counter, FIRST_DROP_COUNTER } from '../shared/board.ts';
import { PORT_CONFIG_DEFAULT, type PortConfig } from '../shared/commands.ts';
import type { LogicDifference, LogicFault, LogicLoad, LogicScope } from '../shared/logic-load.ts';
import { RecordingBuffer } from '../shared/recording.ts';
import { Drop, DROP_NAMES } from '../switching/drop-reasons.ts';
import { Fdb, TICKS_PER_SECOND } from '../switching/fdb.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { counterNamesOf, dropNamesOf, FIRST_OWN_COUNT, LogicCount } from '../switching/logic-counters.ts';
import { allocateLogicMemory, countsOf } from '../switching/logic-setup.ts';
import { learning } from '../switching/logics/learning.ts';
import { VERSION } from '../version.ts';

/** Memory that is not filled costs nothing. */
const RECORDING_BYTES = 64 * 1024 * 1024;
const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

/** What of a port may be said, with the names and meaning of `tswitch port add`; the rest has its default. */
export type SandboxPort = Partial<Omit<PortConfig, 'name' | 'offloads'>>;

export interface SandboxLogic {
  logic: AnyLogic;
  params?: object;
  scope?: Partial<LogicScope>;
  isShadow?: boolean;
}

interface Loaded {
  load: LogicLoad;
  logic: AnyLogic;
}

export interface SandboxOptions {
  /** Names, or names with settings. */
  ports: readonly string[] | Record<string, SandboxPort>;
  /** In the order they are asked. Without one the sandbox is a plain learning switch. */
  logic?: AnyLogic | SandboxLogic | readonly SandboxLogic[];
  /** For `logic` alone; checked by its schema, as the daemon does. */
  params?: object;
  /** Of what chance there is. */
  seed?: number;
  /** How long a logic may really take for a batch; no limit by default, as time is the sandbox's own. */
  batchMsMax?: number;
}

/** Makes a switch. @throws ZodError where parameters are wrong */
export function sandbox(options: SandboxOptions): Sandbox {
  return new Sandbox(options);
}

export class Sandbox {
  /** What went wrong in the logics. */
  readonly faults: LogicFault[] = [];
  /** Where those in shadow would have done otherwise. */
  readonly differences: LogicDifference[] = [];
  readonly #ports = new Map<string, MemoryPort>();
  readonly #board = Board.create(1);
  readonly #dataPath: DataPath;
  readonly #seed: number;
  #loads: Loaded[] = [];
  #nextId = 1;
  #ms = 0;

  constructor({ ports, logic, params, seed = 1, batchMsMax = Infinity }: SandboxOptions) {
    this.#seed = seed;
    const configs = isNames(ports) ? ports.map((name): [string, SandboxPort] => [name, {}]) : Object.entries(ports);
    const buffers = GATHER_LIST_BYTES + LOGIC_BUFFER_BYTES;
    const bytes = new Uint8Array(new SharedArrayBuffer(buffers + configs.length * MEMORY_PORT_BUFFER_BYTES));
    const memory = { bytes, address: 0 };
    this.#dataPath = new DataPath({
      worker: 0,
      board: this.#board,
      memory,
      gatherListAt: 0,
      fdb: Fdb.allocate({ limit: 65_536, ageingTicks: 300 * TICKS_PER_SECOND, seed }),
      logic: learning,
      loaded: {
        bufferAt: GATHER_LIST_BYTES,
        batchMsMax,
        open: ({ id }) => this.#loads.find(({ load }) => load.id === id)!.logic,
        report: (report) => {
          if ('fault' in report) this.faults.push(report.fault);
          else this.differences.push(report.difference);
        },
      },
    });
    configs.forEach(([name, config], handle) => {
      const port = new MemoryPort(handle, memory, buffers + handle * MEMORY_PORT_BUFFER_BYTES);
      this.#ports.set(name, port);
      this.#dataPath.openPort(port, { ...PORT_CONFIG_DEFAULT, ...config, name });
    });
    const filtered = Array.from({ length: RESERVED_ADDRESSES }, (_, last) => last >= RESERVED_FILTERED_DEFAULT);
    this.#dataPath.configure({ forwardReserved: filtered });
    if (logic !== undefined) this.use(logic, params);
  }

  /** Exchanges the logics: tables that the new version carries over go on. */
  use(logic: AnyLogic | SandboxLogic | readonly SandboxLogic[], params?: object): void {
    const wanted = Array.isArray(logic) ? (logic as SandboxLogic[]) : [asSandboxLogic(logic as AnyLogic, params)];
    const before = this.#loads;
    this.#loads = wanted.map((each) => ({ logic: each.logic, load: this.#loadOf(each, before) }));
    this.#dataPath.useLogics(this.#loads.map(({ load }) => load));
    const fault = this.faults.find(({ kind }) => kind === 'load');
    if (fault) throw Object.assign(new Error(fault.message), { stack: fault.stack ?? fault.message });
  }

  /** Lets a frame arrive at the port, with the virtio-net header given or none. @returns what leaves, in order, by port */
  send(port: string, frame: Uint8Array, header: Uint8Array | null = null): Map<string, Uint8Array[]> {
    return this.sendAll(port, [frame], header);
  }

  /** The same for several frames at once, which arrive in batches. */
  sendAll(port: string, frames: readonly Uint8Array[], header: Uint8Array | null = null): Map<string, Uint8Array[]> {
    for (const { sent } of this.#ports.values()) sent.length = 0;
    for (const frame of frames) this.#port(port).inject(frame, header);
    while (this.#dataPath.turn(this.#ticks, this.#ms) > 0);
    return this.#sent();
  }

  /** Records what arrives from now on, and what becomes of it. @returns what ends that, and gives the recording for `replay` */
  record(bytesMax = RECORDING_BYTES): () => Uint8Array {
    const buffer = RecordingBuffer.allocate(bytesMax);
    const recording = new RecordingBuffer(buffer);
    // Time is the sandbox's own, and begins when Date's does.
    const start = { imagesPerTickMax: Infinity, workers: 1, version: VERSION, startedMs: 0, clockAtEpochMs: 0 };
    this.#dataPath.record({ buffer, framesMax: Infinity, ...start });
    return () => {
      this.#dataPath.endRecord('stopped');
      return recording.slice(0, recording.written);
    };
  }

  /** In words, like `b c`, `drop NOT_ALLOWED`, or `b drop STORM_BROADCAST`. */
  outcome(port: string, frame: Uint8Array): string {
    const before = this.drops();
    const sent = [...this.send(port, frame)].flatMap(([name, frames]) => frames.map(() => name));
    const reasons = Object.entries(this.drops()).filter(([name, count]) => count > (before[name] ?? 0));
    const own = reasons.filter(([name]) => name !== 'LOGIC').map(([name]) => `drop ${name}`);
    return [...sent, ...(own.length === 0 && reasons.length > 0 ? ['drop LOGIC'] : own)].join(' ');
  }

  /** Lets time pass; ticks of the logics run. @returns what leaves meanwhile, by port */
  advance(ms: number): Map<string, Uint8Array[]> {
    for (const { sent } of this.#ports.values()) sent.length = 0;
    const end = this.#ms + ms;
    while (this.#ms < end) {
      this.#ms = Math.min(end, this.#ms + MS_PER_TICK);
      this.#dataPath.turn(this.#ticks, this.#ms);
    }
    return this.#sent();
  }

  /** Dropped frames by reason, those of the logics' own (each of which is LOGIC too) among them. */
  drops(): Record<string, number> {
    const found: Record<string, number> = {};
    for (const { handle } of this.#ports.values()) {
      const row = this.#board.row(0, handle) + FIRST_DROP_COUNTER;
      for (const name of DROP_NAMES) add(found, name, this.#board.counters[row + Drop[name]]!);
    }
    for (const { logic, load } of this.#loads.filter((each) => !each.load.isShadow)) {
      const counts = countsOf(logic, load.memory, 0);
      dropNamesOf(logic).forEach((name, k) => add(found, name, counts[FIRST_OWN_COUNT + k]!));
    }
    return found;
  }

  /** The logic's own counters. @param which of several */
  counters(which = 0): Record<string, number> {
    const { logic, load } = this.#loads[which]!;
    const counts = countsOf(logic, load.memory, 0);
    const first = FIRST_OWN_COUNT + dropNamesOf(logic).length;
    return Object.fromEntries(counterNamesOf(logic).map((name, k) => [name, counts[first + k]!]));
  }

  /** What the switch counts of the logic: frames, decided, faults, compared, different. */
  counts(which = 0): Record<Lowercase<keyof typeof LogicCount>, number> {
    const { logic, load } = this.#loads[which]!;
    const counts = countsOf(logic, load.memory, 0);
    return Object.fromEntries(
      Object.entries(LogicCount).map(([name, at]) => [name.toLowerCase(), counts[at]!]),
    ) as never;
  }

  /** The counting rules, which hold whenever nothing is under way: taken = accounted, copies = left. */
  balance(): { taken: number; accounted: number; copies: number; left: number } {
    const sum = (...names: (keyof typeof Counter)[]): number =>
      [...this.#ports.values()].reduce((all, { handle }) => {
        const row = this.#board.row(0, handle);
        return all + names.reduce((each, name) => each + this.#board.counters[row + Counter[name]]!, 0);
      }, 0);
    return {
      taken: sum('RX_FRAMES'),
      accounted: sum('FORWARDED', 'FLOODED', 'DROPPED'),
      copies: sum('FORWARDED', 'FLOOD_COPIES'),
      left: sum('TX_FRAMES', 'TX_DROPS'),
    };
  }

  #loadOf({ logic, params = {}, scope, isShadow = false }: SandboxLogic, before: readonly Loaded[]): LogicLoad {
    const old = before.find(({ load }) => load.name === logic.name && load.isShadow === isShadow);
    const carried = old && { tables: old.logic.tables ?? {}, memory: old.load.memory };
    return {
      id: this.#nextId++,
      name: logic.name,
      module: '',
      file: '',
      revision: 0,
      params: logic.params === undefined ? {} : logic.params(z).parse(params),
      scope: { ports: [], vlans: [], ...scope },
      memory: allocateLogicMemory(logic, 1, carried),
      isShadow,
      seed: this.#seed,
    };
  }

  get #ticks(): number {
    return Math.floor(this.#ms / MS_PER_TICK);
  }

  #port(name: string): MemoryPort {
    const port = this.#ports.get(name);
    if (!port) throw new RangeError(`the sandbox has no port ${JSON.stringify(name)}`);
    return port;
  }

  #sent(): Map<string, Uint8Array[]> {
    return new Map(
      [...this.#ports].filter(([, { sent }]) => sent.length > 0).map(([name, { sent }]) => [name, [...sent]]),
    );
  }
}

function isNames(ports: SandboxOptions['ports']): ports is readonly string[] {
  return Array.isArray(ports);
}

function asSandboxLogic(logic: AnyLogic | SandboxLogic, params: object | undefined): SandboxLogic {
  return 'logic' in logic ? logic : { logic, ...(params === undefined ? {} : { params }) };
}

function add(into: Record<string, number>, name: string, count: number): void {
  if (count > 0) into[name] = (into[name] ?? 0) + count;
}
