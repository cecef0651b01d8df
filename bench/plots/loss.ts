/** Loss over the load offered. */
import type { Conditions } from '../metrics.ts';
import { type Groups, tellAll } from '../report/conditions.ts';
import { nameOf } from '../report/findings.ts';
import type { Report } from '../report/report.ts';
import { drawLines, type Line } from './lines.ts';
import type { Plot } from './plots.ts';
import { allSeriesAlong, type Series } from './series.ts';

const PANELS_MAX = 4;
/** What counts as the beginning of loss, of what was offered. */
const NOTICEABLE = 0.01;
/** Named in the title, beside tswitch's best. */
const PEERS = ['linux-bridge', 'ovs-netdev'];

export function plotLoss(report: Report, groups: Groups): Plot | null {
  const series = allSeriesAlong(groups, 'lossRatio', 'offeredFps').slice(0, PANELS_MAX);
  const [first] = series;
  if (!first) return null;
  const panels = series.map((one) => ({
    heading: tellAll(one.base) || 'all frames',
    xTitle: 'offered, kpps',
    lines: linesOf(report, one),
  }));
  const drawing = drawLines({
    panels,
    xScale: 'linear',
    yScale: 'linear',
    yTitle: 'lost, % of what was offered',
    printX: (value) => (value / 1000).toLocaleString('en-US'),
    printY: (value) => `${Math.round(value * 1000) / 10}`,
    yAtLeast: NOTICEABLE,
  });
  return {
    name: 'loss',
    title: findingOf(panels[0]!.lines, first.base),
    subtitle: `Of the frames offered, how many are lost, over the load offered at a steady pace; to the right and low is better. Mark: median of the rounds; whisker: lowest to highest.`,
    drawing,
  };
}

function linesOf(report: Report, { groups }: Series): Line[] {
  return report.subjects.flatMap(({ name }) => {
    const points = groups
      .filter(({ subject }) => subject === name)
      .map(({ at, spread }) => ({ x: Number(at.offeredFps), y: spread }))
      .toSorted((a, b) => a.x - b.x);
    return points.length === 0 ? [] : [{ subject: name, points }];
  });
}

/** The highest load offered up to which each loses next to nothing: tswitch's best, and two peers. */
function findingOf(lines: readonly Line[], base: Conditions): string {
  const limits = lines.map(({ subject, points }) => {
    const firstLossy = points.findIndex(({ y }) => y.median > NOTICEABLE);
    const good = points[firstLossy === -1 ? points.length - 1 : firstLossy - 1];
    const kpps = good === undefined ? 0 : Math.round(good.x / 1000);
    const limit = firstLossy === -1 ? ' (no more was offered)' : '';
    return { subject, kpps, text: `by ${nameOf(subject)} up to ${kpps} kpps${limit}` };
  });
  const ours = limits.filter(({ subject }) => subject.startsWith('tswitch')).toSorted((a, b) => b.kpps - a.kpps);
  const peers = limits.filter(({ subject }) => PEERS.includes(subject));
  const told = [...ours.slice(0, 1), ...peers].map(({ text }) => text).join(', ');
  const what = tellAll(base);
  return `${what === '' ? '' : `${what}: `}less than ${NOTICEABLE * 100} % is lost ${told}`;
}
