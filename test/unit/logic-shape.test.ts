/** What is wrong with a definition is said. */
import { expect, test } from 'vitest';
import { keyed, rows } from '../../src/sdk/logic.ts';
import { asLogic, shapeOf } from '../../src/switching/logic-shape.ts';

const right = { name: 'right', description: 'is right', create: () => ({ frame: () => -1 }) };

test.each<[unknown, RegExp]>([
  [undefined, /export default defineLogic/],
  [null, /export default defineLogic/],
  [{ ...right, name: 'Right' }, /^name: must be 1 to 32 of a-z/],
  [{ ...right, name: '__proto__' }, /^name/],
  [{ ...right, description: '' }, /^description: must be a sentence/],
  [{ ...right, drops: { notAllowed: 'x' } }, /^drops: "notAllowed" must be a name in capitals/],
  [{ ...right, drops: { NOT_ALLOWED: 5 } }, /^drops.NOT_ALLOWED: must say what it means/],
  [{ ...right, counters: { Seen: 'x' } }, /^counters: "Seen" must be a name like framesSeen/],
  [{ ...right, counters: Object.fromEntries(Array.from({ length: 33 }, (_, k) => [`c${k}`, 'x'])) }, /32 at most/],
  [{ ...right, tables: { hosts: {} } }, /^tables.hosts: must be rows\(/],
  [{ ...right, tables: { hosts: rows({ rows: 0, columns: [] }) } }, /^tables.hosts: rows must be from 1/],
  [{ ...right, tables: { hosts: keyed({ rows: 2_000_000, columns: [] }) } }, /^tables.hosts: rows must be from 1/],
  [{ ...right, tables: { hosts: rows({ rows: 1, columns: ['a b'] }) } }, /a column must be named like tokens/],
  [{ ...right, tickMs: 5 }, /^tickMs: must be a whole number from 100/],
  [{ ...right, params: {} }, /^params: must be a function/],
  [{ ...right, create: undefined }, /^create: must be a function/],
])('%#', (value, message) => expect(() => asLogic(value)).toThrow(message));

test.each<[object, unknown, RegExp]>([
  [{}, undefined, /an object with `frame` or `decide`/],
  [{}, {}, /either `frame`/],
  [{}, { frame: () => 0, decide: () => {} }, /either `frame`/],
  [{}, { frame: () => 0, tick: () => {} }, /`tick` needs `tickMs`/],
  [{ tickMs: 100 }, { frame: () => 0 }, /`tickMs` a `tick`/],
])('what create gives, %#', (more, instance, message) => {
  expect(() => shapeOf(asLogic({ ...right, ...more }), instance)).toThrow(message);
});

test('the shape of a right one', () => {
  const logic = asLogic({ ...right, drops: { NO: 'no' }, tickMs: 100 });
  expect(shapeOf(logic, { decide: () => {}, tick: () => {} })).toEqual({
    name: 'right',
    description: 'is right',
    style: 'batch',
    drops: { NO: 'no' },
    counters: {},
    tables: {},
    tickMs: 100,
  });
});
