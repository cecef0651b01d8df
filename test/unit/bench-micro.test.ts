/** The micro-benchmarks' frame: a case that computes something wrong has no time. */
import { expect, test } from 'vitest';
import { digestOf } from '../../bench/micro/digest.ts';
import { type Case, measureTable } from '../../bench/micro/table.ts';

const OPTIONS = { table: 'sums', per: 'operation', reference: 'right', seconds: 0.02 } as const;

/** Adds up in turns of three numbers; `slip` is added to the second turn's. */
function sums(name: string, slip: number): Case {
  return {
    name,
    operations: 3,
    runs: 2,
    run: (n) => digestOf([3 * n, 3 * n + 1, 3 * n + 2 + n * slip]),
    expected: (n) => digestOf([0, 1, 2].map((k) => 3 * n + k)),
  };
}

test('a case gives its time and its heap bytes, with its table, its reference and a hash', async () => {
  const rows = await measureTable(OPTIONS, [sums('right', 0)]);
  const row = { table: 'sums', name: 'right', reference: 'right', hash: expect.stringMatching(/^[0-9a-f]{8}$/) };
  expect(rows).toEqual([
    { ...row, metric: 'nsPerOperation', value: expect.any(Number) },
    { ...row, metric: 'heapBytesPerOperation', value: expect.any(Number) },
  ]);
  expect(rows[0]!.value).toBeGreaterThan(0);
});

test('a wrong result in one turn fails the table', async () => {
  await expect(measureTable(OPTIONS, [sums('right', 0), sums('wrong', 1)])).rejects.toThrow('wrong: a result is wrong');
});

test('a reference that is not in the table fails it', async () => {
  await expect(measureTable(OPTIONS, [sums('other', 0)])).rejects.toThrow("no case 'right'");
});
