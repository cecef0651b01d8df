/** What more of something costs: addresses, ports, flows, workers. */
import { type ConditionName, METRICS, type MetricName } from '../metrics.ts';
import { type Groups, headingOf, tellAll } from '../report/conditions.ts';
import { share } from '../report/findings.ts';
import { printFigure } from '../report/print.ts';
import type { Report } from '../report/report.ts';
import { drawLines, type Line, type LinePanel } from './lines.ts';
import type { Plot } from './plots.ts';
import { allSeriesAlong, type Series, valuesOf } from './series.ts';

const ALONG: readonly ConditionName[] = ['macs', 'ports', 'flows', 'workers'];
const RATES: readonly MetricName[] = ['framesPerSecond', 'ndr', 'pdr'];

export function plotScaling(report: Report, groups: Groups): Plot | null {
  const metric = RATES.find((name) => ALONG.some((along) => seriesOf(groups, name, along) !== null));
  if (metric === undefined) return null;
  const series = ALONG.map((along) => seriesOf(groups, metric, along)).filter((one) => one !== null);
  const drawing = drawLines({
    panels: series.map((one) => panelOf(report, one)),
    xScale: 'log',
    yScale: 'linear',
    yTitle: `${METRICS[metric].title}, ${METRICS[metric].unit}`,
    printX: printCount,
    printY: (value) => printFigure(metric, value),
  });
  return {
    name: 'scaling',
    title: findingOf(series),
    subtitle:
      'The same traffic, more of one thing; flat is better. Mark: median of the rounds; whisker: lowest to highest.',
    drawing,
  };
}

/** With two values at least, else there is no line. */
function seriesOf(groups: Groups, metric: MetricName, along: ConditionName): Series | null {
  return allSeriesAlong(groups, metric, along).find((series) => valuesOf(series).length > 1) ?? null;
}

function panelOf(report: Report, series: Series): LinePanel {
  const shared = tellAll(series.base);
  const what = headingOf(series.along);
  return {
    heading: shared === '' ? `by ${what}` : `by ${what} (${shared})`,
    xTitle: what,
    xTicks: valuesOf(series).map(Number),
    lines: report.subjects.flatMap(({ name }): Line[] => {
      const points = series.groups
        .filter(({ subject }) => subject === name)
        .map(({ at, spread }) => ({ x: Number(at[series.along]), y: spread }))
        .toSorted((a, b) => a.x - b.x);
      return points.length < 2 ? [] : [{ subject: name, points }];
    }),
  };
}

/** How much of its rate the first tswitch subject keeps. */
function findingOf(all: readonly Series[]): string {
  const ours = all.flatMap(({ groups }) => groups.filter(({ subject }) => subject.startsWith('tswitch')));
  const name = ours[0]?.subject;
  const shares = all.flatMap(({ groups, along }) => {
    const points = groups.filter(({ subject }) => subject === name);
    return (
      share(
        points.toSorted((a, b) => Number(a.at[along]) - Number(b.at[along])),
        along,
      ) ?? []
    );
  });
  if (name === undefined || shares.length === 0) return 'What more addresses, ports and flows cost';
  return `Of its rate, ${name} keeps ${shares.join(', ')}`;
}

/** 1,000 and 1,000,000 as 1 k and 1 M. */
function printCount(value: number): string {
  const [divisor, letter] = value >= 1e6 ? [1e6, ' M'] : value >= 1e3 ? [1e3, ' k'] : [1, ''];
  return `${Number((value / divisor).toFixed(1))}${letter}`;
}
