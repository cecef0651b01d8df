/** The plots of a run: each that there are samples for. */
import type { Report } from '../report/report.ts';
import { Groups } from '../report/conditions.ts';
import { shortHost } from '../report/host-lines.ts';
import { plotLatency } from './latency.ts';
import { plotLoss } from './loss.ts';
import { type Drawing, renderPage } from './page.ts';
import { plotCpu, plotOverload, plotRoundTrip, plotTcp, plotThroughput } from './rates.ts';
import { plotScaling } from './scaling.ts';

/** What a plot says, before it is put on a page. */
export interface Plot {
  /** Of the file, without ending. */
  name: string;
  /** The finding. */
  title: string;
  subtitle: string;
  drawing: Drawing;
}

export interface PlotFile {
  name: string;
  title: string;
  svg: string;
}

export function renderPlots(report: Report): PlotFile[] {
  const groups = new Groups(report.samples);
  const plots = [
    plotThroughput(report, groups),
    plotOverload(report, groups),
    plotCpu(report, groups),
    plotLoss(report, groups),
    plotLatency(report, groups),
    plotTcp(report, groups),
    plotRoundTrip(report, groups),
    plotScaling(report, groups),
  ];
  const { rounds } = report.settings;
  const footer = `${shortHost(report.environment)} · ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
  return plots
    .filter((plot) => plot !== null)
    .map(({ name, title, subtitle, drawing }) => ({
      name,
      title,
      svg: renderPage({ title, subtitle, footer }, drawing),
    }));
}
