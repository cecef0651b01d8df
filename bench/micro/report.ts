/** What the micro-benchmarks found, as tables of text: a line per case, its time first, as a ratio too. */
import { METRICS } from '../metrics.ts';
import type { MicroRow } from './micro.ts';

export interface MicroTable {
  title: string;
  header: string[];
  rows: string[][];
}

/** One table for each that the rows name, in their order; ratios are formed with the reference row of the same metric. */
export function microTables(rows: readonly MicroRow[]): MicroTable[] {
  return [...Map.groupBy(rows, ({ table }) => table)].map(([title, ofTable]) => {
    const metrics = [...new Set(ofTable.map(({ metric }) => metric))];
    const header = metrics.flatMap((metric, k) => {
      const { title: what, unit } = METRICS[metric];
      return k === 0 ? [`${what}, ${unit}`, `to '${ofTable[0]!.reference}'`] : [`${what}, ${unit}`];
    });
    const lines = [...Map.groupBy(ofTable, ({ name }) => name)].map(([name, ofCase]) => [
      name,
      ...metrics.flatMap((metric, k) => {
        const row = ofCase.find((candidate) => candidate.metric === metric);
        if (!row) return k === 0 ? ['', ''] : [''];
        const { scale, digits } = METRICS[metric];
        const figure = (row.value / scale).toFixed(digits);
        return k === 0 ? [figure, ratio(row, ofTable)] : [figure];
      }),
      ofCase[0]!.hash,
    ]);
    return { title, header: ['', ...header, 'hash'], rows: lines };
  });
}

function ratio({ metric, reference, value }: MicroRow, rows: readonly MicroRow[]): string {
  const base = rows.find((row) => row.name === reference && row.metric === metric);
  return base && base.value > 0 ? `${(value / base.value).toFixed(2)} ×` : '';
}
