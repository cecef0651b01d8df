/** What a definition says of itself, checked: the face between a file of somebody's and the switch. */
import type { AnyLogic, Sentences } from './logic.ts';
import { LOGIC_COLUMNS_MAX, LOGIC_ROWS_MAX, type TableSpec, type TableSpecs } from './logic-tables.ts';

export const LOGIC_NAME = /^[a-z][a-z0-9-]{0,31}$/;
/** The built-in logic's: what it decided is told by it. */
export const BUILT_IN_NAME = 'learning';
const DROP_NAME = /^[A-Z][A-Z0-9_]{0,31}$/;
const FIELD_NAME = /^[a-z][A-Za-z0-9]{0,31}$/;
const NAMES_MAX = 32;
const SENTENCE_CHARACTERS_MAX = 200;
export const TICK_MS_MIN = 100;
export const TICK_MS_MAX = 3_600_000;

/** All of a definition that is plain data. */
export interface LogicShape {
  name: string;
  description: string;
  /** Whether it decides batches or frame by frame. */
  style: 'batch' | 'frame';
  drops: Sentences;
  counters: Sentences;
  tables: TableSpecs;
  tickMs: number | null;
}

/** @throws TypeError that says what is wrong with the file's default export */
export function asLogic(value: unknown): AnyLogic {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError('the file must `export default defineLogic({ … })`');
  }
  const { name, description, drops, counters, tables, tickMs, params, create } = value as Record<string, unknown>;
  check(typeof name === 'string' && LOGIC_NAME.test(name), 'name: must be 1 to 32 of a-z 0-9 -, a letter first');
  check(name !== BUILT_IN_NAME, `name: ${BUILT_IN_NAME} is the built-in logic: choose another one`);
  check(isSentence(description), `description: must be a sentence of ${SENTENCE_CHARACTERS_MAX} characters at most`);
  checkSentences('drops', DROP_NAME, 'in capitals, like NOT_ALLOWED', drops);
  checkSentences('counters', FIELD_NAME, 'like framesSeen', counters);
  checkTables(tables);
  check(params === undefined || typeof params === 'function', 'params: must be a function, (z) => z.object({ … })');
  check(
    tickMs === undefined || (Number.isInteger(tickMs) && isWithin(tickMs, TICK_MS_MIN, TICK_MS_MAX)),
    `tickMs: must be a whole number from ${TICK_MS_MIN} to ${TICK_MS_MAX}`,
  );
  check(typeof create === 'function', 'create: must be a function that gives { frame } or { decide }');
  return value as AnyLogic;
}

/** @param instance what `create` gave */
export function shapeOf(logic: AnyLogic, instance: unknown): LogicShape {
  const { name, description, drops = {}, counters = {}, tables = {}, tickMs = null } = logic;
  return { name, description, style: styleOf(logic, instance), drops, counters, tables, tickMs };
}

/** @throws TypeError where it is nothing that decides */
function styleOf({ tickMs }: AnyLogic, instance: unknown): 'batch' | 'frame' {
  check(typeof instance === 'object' && instance !== null, 'create: must give an object with `frame` or `decide`');
  const { decide, frame, tick } = instance as Record<string, unknown>;
  check(
    (typeof decide === 'function') !== (typeof frame === 'function'),
    'create: must give either `frame` (one by one) or `decide` (batches), and not both',
  );
  check(tick === undefined || typeof tick === 'function', 'create: `tick` must be a function');
  check(
    (tick === undefined) === (tickMs === undefined),
    '`tick` needs `tickMs` beside `create`, and `tickMs` a `tick`',
  );
  return typeof decide === 'function' ? 'batch' : 'frame';
}

function checkSentences(field: string, pattern: RegExp, looks: string, value: unknown): void {
  if (value === undefined) return;
  check(typeof value === 'object' && value !== null, `${field}: must be an object of names and sentences`);
  const entries = Object.entries(value);
  check(entries.length <= NAMES_MAX, `${field}: ${NAMES_MAX} at most`);
  for (const [name, sentence] of entries) {
    check(pattern.test(name), `${field}: ${JSON.stringify(name)} must be a name ${looks}`);
    check(isSentence(sentence), `${field}.${name}: must say what it means, in ${SENTENCE_CHARACTERS_MAX} characters`);
  }
}

function checkTables(value: unknown): void {
  if (value === undefined) return;
  check(typeof value === 'object' && value !== null, 'tables: must be an object of rows({ … }) and keyed({ … })');
  const entries = Object.entries(value) as [string, Partial<TableSpec>][];
  check(entries.length <= NAMES_MAX, `tables: ${NAMES_MAX} at most`);
  for (const [name, { kind, rows, columns = [] }] of entries) {
    check(FIELD_NAME.test(name), `tables: ${JSON.stringify(name)} must be a name like lastSeen`);
    check(kind === 'rows' || kind === 'keyed', `tables.${name}: must be rows({ … }) or keyed({ … })`);
    check(
      Number.isInteger(rows) && isWithin(rows, 1, LOGIC_ROWS_MAX),
      `tables.${name}: rows must be from 1 to ${LOGIC_ROWS_MAX}`,
    );
    check(columns.length <= LOGIC_COLUMNS_MAX, `tables.${name}: ${LOGIC_COLUMNS_MAX} columns at most`);
    for (const column of columns) check(FIELD_NAME.test(column), `tables.${name}: a column must be named like tokens`);
  }
}

function isSentence(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= SENTENCE_CHARACTERS_MAX;
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function check(isRight: boolean, message: string): asserts isRight {
  if (!isRight) throw new TypeError(message);
}
