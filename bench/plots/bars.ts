/** Bars lying on their side: a row for each subject, a panel for each condition, all panels to one scale. */
import { scaleLinear } from 'd3-scale';
import type { Spread } from '../metrics.ts';
import { MARGIN, WIDTH, type Drawing } from './page.ts';
import { element, group, line, short, text } from './svg.ts';
import { isOurs, lookOf, textWidth } from './theme.ts';

export interface BarPanel {
  heading: string;
  /** By subject; who has none was not measured under this condition. */
  spreads: ReadonlyMap<string, Spread>;
}

export interface BarChart {
  /** From top to bottom. */
  subjects: readonly string[];
  panels: readonly BarPanel[];
  /** Under the axis: what is measured, in which unit. */
  axisTitle: string;
  print: (value: number) => string;
  /** Divides a value for the axis. */
  unitScale: number;
}

const ROW = 22;
const BAR = 14;
const HEAD = 24;
const FOOT = 40;
const GAP = 18;
const PANELS_PER_ROW_MAX = 4;
const PANEL_WIDTH_MIN = 160;

export function drawBars(chart: BarChart): Drawing {
  const { subjects, panels } = chart;
  const gutter = Math.max(...subjects.map((subject) => textWidth(subject))) + 12;
  const room = WIDTH - 2 * MARGIN - gutter;
  const fitting = Math.min(PANELS_PER_ROW_MAX, Math.max(1, Math.floor(room / PANEL_WIDTH_MIN)));
  const rows = Math.ceil(panels.length / fitting);
  const perRow = Math.ceil(panels.length / rows);
  const width = (room - (perRow - 1) * GAP) / perRow;
  const rowHeight = HEAD + subjects.length * ROW + FOOT;
  const parts = panels.flatMap((panel, k) => {
    const [row, column] = [Math.floor(k / perRow), k % perRow];
    const at = { x: gutter + column * (width + GAP), y: row * rowHeight };
    const names = column === 0 ? [group(drawNames(subjects), gutter - 10, at.y + HEAD)] : [];
    return [...names, group(drawPanel(chart, panel, width), at.x, at.y)];
  });
  return { height: rows * rowHeight, content: parts.join('') };
}

function drawNames(subjects: readonly string[]): string[] {
  return subjects.map((subject, k) =>
    text(0, (k + 0.5) * ROW + 4, subject, { class: `ink${isOurs(subject) ? ' strong' : ''}`, 'text-anchor': 'end' }),
  );
}

function drawPanel(
  { subjects, panels, axisTitle, print, unitScale }: BarChart,
  panel: BarPanel,
  width: number,
): string[] {
  const all = panels.flatMap(({ spreads }) => [...spreads.values()]);
  const label = Math.max(...all.map(({ median }) => textWidth(print(median)))) + 8;
  const highest = Math.max(...all.map(({ max }) => max));
  const scale = scaleLinear([0, highest > 0 ? highest : unitScale], [0, width - label]);
  const bottom = HEAD + subjects.length * ROW;
  const ticks = scale.ticks(width > 300 ? 6 : 3);
  return [
    text(0, 12, panel.heading, { class: 'ink strong' }),
    ...ticks.flatMap((tick) => [
      line(scale(tick), HEAD, scale(tick), bottom, { class: 'grid' }),
      text(scale(tick), bottom + 14, (tick / unitScale).toLocaleString('en-US'), {
        class: 'soft small',
        'text-anchor': 'middle',
      }),
    ]),
    ...subjects.flatMap((subject, k) => {
      const middle = HEAD + (k + 0.5) * ROW;
      const spread = panel.spreads.get(subject);
      if (!spread) return [text(2, middle + 4, 'not measured', { class: 'soft small' })];
      return drawBar(subject, spread, middle, scale, print);
    }),
    line(0, HEAD, 0, bottom, { class: 'axis' }),
    text(0, bottom + 30, axisTitle, { class: 'soft small' }),
  ];
}

/** The bar ends at the median; the whisker goes from the lowest round to the highest. */
function drawBar(
  subject: string,
  { median, min, max }: Spread,
  middle: number,
  scale: (value: number) => number,
  print: (value: number) => string,
): string[] {
  const [low, high] = [scale(min), scale(max)];
  const bar = { x: 0, y: middle - BAR / 2, width: scale(median), height: BAR };
  const whisker = `M${short(low)} ${middle - 4}v8M${short(high)} ${middle - 4}v8M${short(low)} ${middle}H${short(high)}`;
  return [
    element('rect', {
      ...bar,
      class: `fill-${lookOf(subject).colour}`,
      'data-subject': subject,
      'data-median': median,
    }),
    ...(min === max ? [] : ['halo', 'whisker'].map((name) => element('path', { d: whisker, class: name }))),
    text(Math.max(high, scale(median)) + 6, middle + 4, print(median), { class: 'ink' }),
  ];
}
