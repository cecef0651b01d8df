/** Brings a logic to life in a worker: what its definition names becomes counters, verdicts and tables over its memory. */
import type { LogicLoad, LogicMemory } from '../shared/logic-load.ts';
import type { AnyLogic, LogicContext, LogicInstance, LogicSender, LogicSetup, Sentences } from './logic.ts';
import { type LogicClock, LogicRandom } from './logic-clock.ts';
import { counterNamesOf, dropNamesOf, FIRST_OWN_COUNT, LogicCounter, rowLength } from './logic-counters.ts';
import { allocateTable, openTable, type TableSpec, type TableSpecs } from './logic-tables.ts';
import { FIRST_OWN_DROP } from './verdict.ts';

type Shape = { readonly drops?: Sentences; readonly counters?: Sentences; readonly tables?: TableSpecs };

/** What carries on from an older version of the logic. */
interface Carried {
  tables: TableSpecs;
  memory: LogicMemory;
}

export interface SetupParts extends LogicContext {
  sender: LogicSender;
  clock: LogicClock;
  worker: number;
}

/** @param before tables of it that both versions have alike, and the new one marks as carried, go on */
export function allocateLogicMemory(shape: Shape, workers: number, before?: Carried): LogicMemory {
  const length = rowLength(dropNamesOf(shape).length, counterNamesOf(shape).length);
  const carried = (name: string, spec: TableSpec): SharedArrayBuffer | undefined =>
    spec.carried && JSON.stringify(before?.tables[name]) === JSON.stringify(spec)
      ? before?.memory.tables[name]
      : undefined;
  return {
    counters: new SharedArrayBuffer(workers * length * Float64Array.BYTES_PER_ELEMENT),
    tables: Object.fromEntries(
      Object.entries(shape.tables ?? {}).map(([name, spec]) => [name, carried(name, spec) ?? allocateTable(spec)]),
    ),
  };
}

/** A worker's row of counts, of which the first columns are the switch's. */
export function countsOf(shape: Shape, memory: LogicMemory, worker: number): Float64Array {
  const length = rowLength(dropNamesOf(shape).length, counterNamesOf(shape).length);
  return new Float64Array(memory.counters, worker * length * Float64Array.BYTES_PER_ELEMENT, length);
}

export function createInstance(
  logic: AnyLogic,
  parts: SetupParts,
  { params, memory, seed }: Pick<LogicLoad, 'params' | 'memory' | 'seed'>,
): LogicInstance {
  const counts = countsOf(logic, memory, parts.worker);
  const drops = dropNamesOf(logic);
  const counters = counterNamesOf(logic).map((name, k): [string, LogicCounter] => {
    return [name, new LogicCounter(counts, FIRST_OWN_COUNT + drops.length + k)];
  });
  const tables = Object.entries(logic.tables ?? {}).map(([name, spec]) => {
    return [name, openTable(spec, memory.tables[name]!, parts.worker)] as const;
  });
  const setup: LogicSetup = {
    ...parts,
    params,
    drop: Object.fromEntries(drops.map((name, k) => [name, FIRST_OWN_DROP + k])),
    counters: Object.fromEntries(counters),
    tables: Object.fromEntries(tables),
    // Workers must not all draw the same numbers.
    random: new LogicRandom(seed + parts.worker * 0x9e3779b1),
  };
  return logic.create(setup as never);
}
