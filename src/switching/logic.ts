/**
 * The face of switching logic: what turns classified frames into verdicts. `logics/` holds the built-in one, which is
 * written against this face as anybody's is; `tswitch/logic` (src/sdk/logic.ts) is what others import.
 *
 * Loaded logics are asked one after the other, each for the frames that nobody has decided yet; what all of them leave
 * UNDECIDED, `learning` decides. So a logic says what it wants and leaves the rest, and one that fails is as if it had said
 * nothing.
 */
import type { output as ZodOutput, z as Zod, ZodType } from 'zod';
import type { Batch } from '../frame/batch.ts';
import type { Happenings } from '../shared/happenings.ts';
import type { Fdb } from './fdb.ts';
import type { Frame } from './logic-frame.ts';
import type { LogicCounter } from './logic-counters.ts';
import type { TableOf, TableSpecs } from './logic-tables.ts';
import type { LogicClock, LogicRandom } from './logic-clock.ts';
import type { PortTable } from './port-table.ts';
import type { Reach } from './reach.ts';

/** What a logic sees of the switch. */
export interface LogicContext {
  readonly ports: PortTable;
  /** Ready for the batch that is to be decided. */
  readonly reach: Reach;
  readonly fdb: Fdb;
  readonly happenings: Happenings;
}

/** Names and what each means, in a sentence without a full stop. */
export type Sentences = Readonly<Record<string, string>>;

/** How frames leave that no verdict sends. All of it leaves after the batch, or after the tick. */
export interface LogicSender {
  /**
   * Sends a frame of the logic's own, without tag and check sequence; it is tagged as the port sends the VLAN.
   * @param length bytes of it that count, 14 to LOGIC_FRAME_BYTES_MAX
   * @returns false where the port is down or does not carry the VLAN, or too many wait already
   */
  send(handle: number, vlan: number, frame: Uint8Array, length?: number): boolean;
  /**
   * Sends frame `i` of the batch out of this port too, whatever its verdict.
   * @returns false where it may not leave by the port (VLAN, isolation, state), or too many copies wait already
   */
  copy(batch: Batch, i: number, handle: number): boolean;
  /** The same without asking VLAN and isolation, for ports that somebody listens at. */
  mirror(batch: Batch, i: number, handle: number): boolean;
}

/** What `create` is given. All of it is typed by the definition. */
export interface LogicSetup<
  Params = unknown,
  Drops extends Sentences = Sentences,
  Counters extends Sentences = Sentences,
  Tables extends TableSpecs = TableSpecs,
> extends LogicContext {
  /** As the schema gives them, with its defaults. */
  readonly params: Params;
  /** The verdict for each drop reason of the logic's own. */
  readonly drop: { readonly [Name in keyof Drops]: number };
  readonly counters: { readonly [Name in keyof Counters]: LogicCounter };
  /** In memory that all workers share. */
  readonly tables: { readonly [Name in keyof Tables]: TableOf<Tables[Name]> };
  readonly sender: LogicSender;
  readonly clock: LogicClock;
  /** Seeded: the same frames at the same times meet the same numbers. */
  readonly random: LogicRandom;
  /** Number of the worker, from 0, for what only one of them is to do. */
  readonly worker: number;
}

/**
 * What decides, made by `create` once per worker; and made anew when parameters or the set of ports change, so names of ports
 * are looked up once. What must outlive that belongs into a table.
 */
export interface LogicInstance {
  /**
   * Gives verdicts to frames of a batch, of which it must leave alone those whose verdict is not UNDECIDED. For full speed:
   * must not allocate.
   * @param now FDB ticks, tenths of a second; `clock.ms` is finer
   */
  decide?(batch: Batch, now: number): void;
  /** The same for one frame at a time, for convenience: gives its verdict. The object is the same every time. */
  frame?(frame: Frame, now: number): number;
  /** Called every `tickMs` or a little later, in every worker, between batches. */
  tick?(now: number): void;
}

export interface LogicDefinition<
  Schema extends ZodType,
  Drops extends Sentences,
  Counters extends Sentences,
  Tables extends TableSpecs,
> {
  /** 1 to 32 of a-z 0-9 and -, a letter first. */
  readonly name: string;
  /** What it does, in a sentence. */
  readonly description: string;
  /** What can be set while it runs; the schema must take `{}`. Called where parameters are checked, never in a worker. */
  readonly params?: (z: typeof Zod) => Schema;
  readonly drops?: Drops;
  readonly counters?: Counters;
  readonly tables?: Tables;
  /** 100 to 3,600,000; needed for `tick`. */
  readonly tickMs?: number;
  create(setup: LogicSetup<ZodOutput<Schema>, Drops, Counters, Tables>): LogicInstance;
}

/** A logic, whatever its types. */
export interface AnyLogic {
  readonly name: string;
  readonly description: string;
  readonly params?: (z: typeof Zod) => ZodType;
  readonly drops?: Sentences;
  readonly counters?: Sentences;
  readonly tables?: TableSpecs;
  readonly tickMs?: number;
  create(setup: never): LogicInstance;
}

type None = Readonly<Record<never, never>>;

/** Gives the definition as it is, typed: parameters, drop reasons, counters and tables are known in `create`. */
export function defineLogic<
  Schema extends ZodType = ZodType<None>,
  const Drops extends Sentences = None,
  const Counters extends Sentences = None,
  const Tables extends TableSpecs = None,
>(definition: LogicDefinition<Schema, Drops, Counters, Tables>): LogicDefinition<Schema, Drops, Counters, Tables> {
  return definition;
}
