/** Tables of logics, held against a Map. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allocateTable,
  freeTableOf,
  keyed,
  KeyedTable,
  ownTable,
  RowTable,
  rows,
} from '../../src/switching/logic-tables.ts';

/** Few keys, so that they meet; and some that differ in one word only. */
const key = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -8, max: 8 }));
const step = fc.oneof(
  fc.record({ do: fc.constant('insert' as const), key, value: fc.integer() }),
  fc.record({ do: fc.constant('remove' as const), key, value: fc.constant(0) }),
  fc.record({ do: fc.constant('find' as const), key, value: fc.constant(0) }),
);

describe('a keyed table', () => {
  test('does what a Map of limited size does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (steps, size) => {
        const table = ownTable(keyed({ rows: size, columns: ['value'] }));
        const { value } = table.column;
        const model = new Map<string, number>();
        for (const each of steps) {
          const name = each.key.join();
          const row = table.find(...each.key);
          expect(row < 0 ? undefined : value[row]).toBe(model.get(name));
          if (each.do === 'insert') {
            const at = table.insert(...each.key);
            expect(at >= 0).toBe(model.has(name) || model.size < size);
            if (at < 0) continue;
            if (!model.has(name)) expect(value[at]).toBe(0);
            value[at] = each.value;
            model.set(name, each.value);
          } else if (each.do === 'remove' && row >= 0) {
            expect(table.remove(row)).toBe(true);
            model.delete(name);
          }
          expect(table.count).toBe(model.size);
        }
        const found = new Map<string, number>();
        for (let row = table.next(0); row >= 0; row = table.next(row + 1)) {
          found.set(`${table.high(row)},${table.low(row)}`, value[row]!);
        }
        expect(found).toEqual(model);
      }),
    );
  });

  test('holds all the rows it was made for', () => {
    const table = ownTable(keyed({ rows: 10_000, columns: [] }));
    for (let n = 0; n < 10_000; n++) expect(table.insert(n >>> 4, Math.imul(n, 0x9e3779b1))).toBeGreaterThanOrEqual(0);
    expect(table.insert(-1, -1)).toBe(-1);
    expect(table.count).toBe(10_000);
  });

  test('is shared: what one worker writes, another finds; one that has the lock keeps others from changing it', () => {
    const spec = keyed({ rows: 10, columns: ['n'] });
    const buffer = allocateTable(spec);
    const [first, second] = [new KeyedTable(spec, buffer, 0), new KeyedTable(spec, buffer, 1)];
    first.column.n[first.insert(1, 2)] = 7;
    expect(second.column.n[second.find(1, 2)]).toBe(7);
    // A worker that died in the middle of a change.
    new Int32Array(buffer)[0] = 2;
    expect(first.insert(5, 6)).toBe(-1);
    expect(first.find(1, 2)).toBeGreaterThanOrEqual(0);
    freeTableOf(0, buffer);
    expect(first.insert(5, 6)).toBe(-1);
    freeTableOf(1, buffer);
    expect(first.insert(5, 6)).toBeGreaterThanOrEqual(0);
  });
});

test('a table of rows has its columns beside each other', () => {
  const spec = rows({ rows: 3, columns: ['a', 'b'] });
  const table = new RowTable(spec, allocateTable(spec));
  table.column.a.fill(1);
  table.column.b[0] = 2;
  expect([[...table.column.a], [...table.column.b]]).toEqual([
    [1, 1, 1],
    [2, 0, 0],
  ]);
});
