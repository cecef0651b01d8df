/** Who decides about a batch: the built-in logic, or a host of loaded ones in front of it. */
import type { Batch } from '../frame/batch.ts';
import { WORKERS_MAX } from '../limits.ts';
import type { LogicLoad, LogicReport } from '../shared/logic-load.ts';
import type { Fdb } from '../switching/fdb.ts';
import type { AnyLogic, LogicInstance } from '../switching/logic.ts';
import { LogicClock } from '../switching/logic-clock.ts';
import { allocateLogicMemory, createInstance, type SetupParts } from '../switching/logic-setup.ts';
import { LogicHost } from './logic-host.ts';
import { mutedSender } from './logic-outbox.ts';

export interface LoadedLogicOptions {
  /** Offset of LOGIC_BUFFER_BYTES in the memory. */
  bufferAt: number;
  /** One word: the id of the logic that is being asked, or 0, for who finds that it does not come back. */
  inLogic?: Int32Array;
  /** How long a batch or tick may take; Infinity where time is not the clock's. */
  batchMsMax: number;
  open: (load: LogicLoad) => AnyLogic;
  report: (report: LogicReport) => void;
}

export interface LogicsParts extends Omit<SetupParts, 'sender' | 'fdb' | 'clock'> {
  batch: Batch;
  /** Decides what no loaded logic does; must decide batches. */
  builtIn: AnyLogic;
  /** Undefined: none can be loaded. */
  loaded: LoadedLogicOptions | undefined;
}

const NO_PARAMS = { params: {}, memory: allocateLogicMemory({}, WORKERS_MAX), seed: 1 };

export class Logics {
  readonly clock = new LogicClock();
  /** The loaded ones; null: there are none. */
  host: LogicHost | null = null;
  /** Whoever decides. */
  active: LogicInstance;
  /** As loaded, in the order they are asked. */
  loads: readonly LogicLoad[] = [];
  readonly #parts: LogicsParts;
  #fdb: Fdb;
  #base: LogicInstance;

  constructor(parts: LogicsParts, fdb: Fdb) {
    this.#parts = parts;
    this.#fdb = fdb;
    this.#base = this.#makeBase();
    this.active = this.#base;
  }

  /** With another table; all instances are made anew. */
  useFdb(fdb: Fdb): void {
    this.#fdb = fdb;
    this.#base = this.#makeBase();
    this.renew();
  }

  /** These from now on. */
  use(loads: readonly LogicLoad[]): void {
    this.loads = loads;
    if (loads.length > 0) this.host ??= this.#makeHost();
    else this.host = null;
    this.host?.use(loads);
    this.active = this.host ?? this.#base;
  }

  /** Makes the instances of the loaded ones anew. */
  renew(): void {
    this.host = null;
    this.use(this.loads);
  }

  #makeBase(): LogicInstance {
    return createInstance(this.#parts.builtIn, { ...this.#setup(), sender: mutedSender }, NO_PARAMS);
  }

  #makeHost(): LogicHost {
    const { loaded, batch } = this.#parts;
    if (!loaded) throw new Error('this data path was made without room for loaded logics');
    return new LogicHost({
      ...loaded,
      base: this.#base,
      parts: this.#setup(),
      batch,
      inLogic: loaded.inLogic ?? new Int32Array(1),
    });
  }

  #setup(): Omit<SetupParts, 'sender'> {
    const { ports, reach, happenings, worker } = this.#parts;
    return { ports, reach, fdb: this.#fdb, happenings, clock: this.clock, worker };
  }
}
