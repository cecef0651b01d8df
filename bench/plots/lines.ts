/** Lines: a panel for each condition, a line for each subject with its name at the end, whiskers from the lowest round to the highest. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { line as linePath } from 'd3-shape';
import type { Spread } from '../metrics.ts';
import { apart, AXES_FOOT, AXES_HEAD, drawAxes, spreadLabels } from './axes.ts';
import { MARGIN, WIDTH, type Drawing } from './page.ts';
import { element, group, line, text } from './svg.ts';
import { isOurs, lookOf, mark, textWidth } from './theme.ts';

export interface Point {
  x: number;
  y: Spread;
}

export interface Line {
  subject: string;
  /** Ascending in x. */
  points: readonly Point[];
}

export interface LinePanel {
  heading: string;
  xTitle: string;
  lines: readonly Line[];
  /** Where x has ticks; undefined: where d3 puts them. */
  xTicks?: readonly number[];
}

export interface LineChart {
  panels: readonly LinePanel[];
  xScale: 'linear' | 'log';
  yScale: 'linear' | 'log';
  yTitle: string;
  printX: (value: number) => string;
  printY: (value: number) => string;
  /** The y axis reaches at least so far. */
  yAtLeast?: number;
}

const HEIGHT = 230;
const LEFT = 58;
const LABEL_GAP = 14;
const GAP = 20;
const MARKS_MAX = 12;
/** A longer tie from a line's end to its name would look like a line itself. */
const TIE_MAX = 40;

type Scale = ((value: number) => number) & { ticks(count?: number): number[] };

export function drawLines(chart: LineChart): Drawing {
  const { panels } = chart;
  const perRow = panels.length === 1 ? 1 : 2;
  const width = (WIDTH - 2 * MARGIN - (perRow - 1) * GAP) / perRow;
  const rowHeight = AXES_HEAD + HEIGHT + AXES_FOOT;
  const parts = panels.map((panel, k) =>
    group(drawPanel(chart, panel, width), (k % perRow) * (width + GAP), Math.floor(k / perRow) * rowHeight),
  );
  return { height: Math.ceil(panels.length / perRow) * rowHeight, content: parts.join('') };
}

function drawPanel(chart: LineChart, panel: LinePanel, outerWidth: number): string[] {
  const names = Math.max(...panel.lines.map(({ subject }) => textWidth(subject))) + 26;
  const width = outerWidth - LEFT - names;
  const xRange = rangeOfX(panel, chart.xScale);
  const yRange = rangeOfY(chart);
  const x = makeScale(chart.xScale, xRange, [0, width]);
  const y = makeScale(chart.yScale, yRange, [HEIGHT, 0]);
  const xTicks = panel.xTicks ?? (chart.xScale === 'log' ? logTicks(xRange) : x.ticks(5));
  const yTicks = chart.yScale === 'log' ? logTicks(yRange) : y.ticks(5);
  const axes = drawAxes({
    heading: panel.heading,
    width,
    height: HEIGHT,
    x: apart(xTicks.map((value) => ({ at: x(value), label: chart.printX(value) }))),
    y: yTicks.map((value) => ({ at: y(value), label: chart.printY(value) })),
    xTitle: panel.xTitle,
    yTitle: chart.yTitle,
  });
  return [
    group(
      [...axes, ...panel.lines.flatMap((one) => drawLine(one, x, y)), ...drawLabels(panel, x, y, width)],
      LEFT,
      AXES_HEAD,
    ),
  ];
}

function makeScale(kind: 'linear' | 'log', domain: [number, number], range: [number, number]): Scale {
  return kind === 'log' ? scaleLog(domain, range) : scaleLinear(domain, range).nice(5);
}

/** A linear axis begins at zero. A range without extent is widened, as a scale cannot place a single value. */
function rangeOfX({ lines }: LinePanel, kind: 'linear' | 'log'): [number, number] {
  const values = lines.flatMap(({ points }) => points.map(({ x }) => x));
  const [min, max] = [kind === 'linear' ? 0 : Math.min(...values), Math.max(...values)];
  return min < max ? [min, max] : [min / 2, max * 2 || 1];
}

/** One range for all panels. A linear axis begins at zero; a logarithmic one begins and ends at a 1, 2 or 5. */
function rangeOfY({ panels, yScale, yAtLeast = 0 }: LineChart): [number, number] {
  const spreads = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ y }) => y)));
  const max = Math.max(yAtLeast, ...spreads.map((spread) => spread.max));
  if (yScale === 'linear') return [0, max > 0 ? max : 1];
  const min = Math.min(...spreads.map((spread) => spread.min).filter((value) => value > 0));
  const steps = roundSteps(min / 10, max * 10);
  return [steps.findLast((step) => step <= min) ?? min, steps.find((step) => step >= max) ?? max];
}

/** 1, 2 and 5 times the powers of ten. */
function roundSteps(min: number, max: number): number[] {
  const steps: number[] = [];
  for (let decade = Math.floor(Math.log10(min)); 10 ** decade <= max; decade++) {
    for (const digit of [1, 2, 5]) steps.push(Number(`${digit}e${decade}`));
  }
  return steps;
}

const DECADES_WITH_STEPS = 2.5;

/** Powers of ten; where they are few, the 2 and 5 times of them too. */
function logTicks([min, max]: readonly [number, number]): number[] {
  const steps = roundSteps(min, max).filter((step) => step >= min && step <= max);
  const isWide = Math.log10(max / min) > DECADES_WITH_STEPS;
  return isWide ? steps.filter((step) => Number.isInteger(Math.log10(step))) : steps;
}

function drawLine({ subject, points }: Line, x: Scale, y: Scale): string[] {
  const { colour, dash } = lookOf(subject);
  const path = linePath<Point>(
    (point) => x(point.x),
    (point) => y(point.y.median),
  )(points as Point[]);
  const whiskers = points.filter(({ y: { min, max } }) => min !== max);
  return [
    element('path', {
      d: path ?? '',
      class: `line-${colour}`,
      'stroke-width': isOurs(subject) ? 2.2 : 1.6,
      'stroke-dasharray': dash,
      'data-subject': subject,
    }),
    ...whiskers.map((point) =>
      line(x(point.x), y(point.y.min), x(point.x), y(point.y.max), { class: `line-${colour}` }),
    ),
    ...(points.length <= MARKS_MAX ? points : points.slice(-1)).map((point) =>
      mark(subject, x(point.x), y(point.y.median)),
    ),
  ];
}

/** Names in a column to the right, each tied to the end of its line; that of a line that ends before, at its end. */
function drawLabels({ lines }: LinePanel, x: Scale, y: Scale, width: number): string[] {
  const ends = lines.flatMap(({ subject, points }) => {
    const last = points.at(-1);
    return last === undefined ? [] : [{ subject, x: x(last.x), y: y(last.y.median) }];
  });
  const [early, full] = [ends.filter((end) => end.x < width - TIE_MAX), ends.filter((end) => end.x >= width - TIE_MAX)];
  const places = spreadLabels(
    full.map((end) => end.y),
    LABEL_GAP,
  );
  return [
    ...early.flatMap((end) => drawName(end.subject, end.x + 8, end.y - 8)),
    ...full.flatMap((end, k) => [
      line(end.x + 5, end.y, width + 16, places[k]!, {
        class: `line-${lookOf(end.subject).colour}`,
        'stroke-opacity': '0.55',
      }),
      ...drawName(end.subject, width + 20, places[k]! + 4),
    ]),
  ];
}

function drawName(subject: string, x: number, y: number): string[] {
  return [text(x, y, subject, { class: `ink name${isOurs(subject) ? ' strong' : ''}` })];
}
