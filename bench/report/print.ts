/** Figures, spreads and tables as text. */
import { METRICS, type MetricName, type Spread } from '../metrics.ts';
import { grouped } from './conditions.ts';

export function heading(metric: MetricName): string {
  const { title, unit } = METRICS[metric];
  return `${title}, ${unit}`;
}

/** A value in the metric's unit for print, without the unit. */
export function printFigure(metric: MetricName, value: number): string {
  const { scale, digits } = METRICS[metric];
  return fixed(value / scale, digits);
}

export function printWithUnit(metric: MetricName, value: number): string {
  const { unit } = METRICS[metric];
  return `${printFigure(metric, value)} ${unit}`;
}

export function printRatio(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

/** Median (lowest to highest); the median alone where there is nothing else. */
export function printSpread(spread: Spread | null, print: (value: number) => string): string {
  if (!spread) return '';
  const { median, min, max } = spread;
  return min === max ? print(median) : `${print(median)} (${print(min)} to ${print(max)})`;
}

function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Math.abs(value) < 10_000 ? text : grouped(Number(text));
}

/** A Markdown table. Its cells may not end it: a bar is escaped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((text) => text.replaceAll('|', '\\|')));
  const widths = header.map((_, k) => Math.max(3, ...cells.map((row) => row[k]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${row.map((text, k) => text.padEnd(widths[k]!)).join(' | ')} |`;
  const [first = [], ...rest] = cells;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
}

export function list<T>(title: string, items: readonly T[], print: (item: T) => string): string {
  return items.length === 0 ? '' : `## ${title}\n\n${items.map((item) => `- ${print(item)}`).join('\n')}`;
}
