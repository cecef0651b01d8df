/** What the micro-benchmarks found, as tables of text: a line per case, its time first, as a ratio too. */
import { METRICS } from '../metrics.ts';
import { type Groups, ratioOfGroups } from '../report/conditions.ts';
import { printFigure, printRatio, printSpread } from '../report/print.ts';
import type { MicroRow } from './micro.ts';

export interface MicroTable {
  title: string;
  header: string[];
  rows: string[][];
}

/**
 * One table for each that the rows name, in their order; ratios are formed with the reference row of the same metric, within
 * each round.
 *
 * @param groups where the rows' figures are
 */
export function microTables(rows: readonly MicroRow[], groups: Groups): MicroTable[] {
  return [...Map.groupBy(rows, ({ table }) => table)].map(([title, ofTable]) => {
    const metrics = [...new Set(ofTable.map(({ metric }) => metric))];
    const header = metrics.flatMap((metric, k) => {
      const { title: what, unit } = METRICS[metric];
      return k === 0 ? [`${what}, ${unit}`, `to '${ofTable[0]!.reference}'`] : [`${what}, ${unit}`];
    });
    const lines = [...Map.groupBy(ofTable, ({ name }) => name)].map(([name, ofCase]) => [
      name,
      ...metrics.flatMap((metric, k) => {
        const group = groups.find(name, metric, {});
        const figure = printSpread(group?.spread ?? null, (value) => printFigure(metric, value));
        if (k > 0) return [figure];
        const ratio = ratioOfGroups(group, groups.find(ofCase[0]!.reference, metric, {}));
        return [figure, ratio === null ? '' : printRatio(ratio.median)];
      }),
      ofCase[0]!.hash,
    ]);
    return { title, header: ['', ...header, 'hash'], rows: lines };
  });
}
