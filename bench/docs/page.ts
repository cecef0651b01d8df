/** docs/benchmarks.md: the frame, a text written by hand, with what a run measured in its gaps. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import type { PlotFile } from '../plots/plots.ts';
import { Groups } from '../report/conditions.ts';
import { scatterOf } from '../report/findings.ts';
import { describeHost, describeVersions } from '../report/host-lines.ts';
import { renderFigures, renderMicro, renderRatios, renderTargets } from '../report/markdown.ts';
import type { Report } from '../report/report.ts';
import { verdictsOf } from '../report/verdicts.ts';

const FRAME = fileURLToPath(new URL('frame.md', import.meta.url));
/** Above it a run is disturbed (bench/README.md). */
const QUIET_LOAD = 0.5;
/** Above it the rounds of a run agree too little to tell switches apart that are near each other. */
const STEADY_SCATTER = 1.25;
/** As in .prettierrc.json. */
const FORMAT = { parser: 'markdown', printWidth: 120 } as const;

/** @throws Error where the frame has a gap that nothing fills, or lacks one */
export async function makePage(report: Report, plots: readonly PlotFile[]): Promise<string> {
  const fillings = fillingsOf(report, plots);
  const gaps = new Set<string>();
  const page = readFileSync(FRAME, 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, gap: string) => {
    const filling = fillings[gap];
    if (filling === undefined) throw new Error(`${FRAME}: nothing fills {{${gap}}}`);
    gaps.add(gap);
    return filling;
  });
  const unused = Object.keys(fillings).filter((name) => !gaps.has(name));
  if (unused.length > 0) throw new Error(`${FRAME} has no gap for ${unused.join(', ')}`);
  return format(page, FORMAT);
}

function fillingsOf(report: Report, plots: readonly PlotFile[]): Record<string, string> {
  const groups = new Groups(report.samples);
  const { environment, settings, size, subjects, skipped, failures } = report;
  const micro = renderMicro(report.micro, groups, '####');
  const run = `Run of ${environment.date}, size \`${size}\`, ${settings.rounds} rounds`;
  return {
    findings: [bullets(plots.map(({ title }) => title)), warningOf(report, groups)]
      .filter((text) => text !== '')
      .join('\n\n'),
    targets: renderTargets(verdictsOf(groups)) || 'None of them was measured in this run.',
    ratios: renderRatios(report, groups),
    plots: plots.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`).join('\n\n'),
    figures: renderFigures(report),
    micro: micro === '' ? '' : `### Micro-benchmarks\n\n${micro}`,
    subjects: bullets(subjects.map(({ name, about, help }) => `**${name}**: ${about}${help ? `; help: ${help}` : ''}`)),
    skipped: titled('Skipped:', skipped, ({ name, reason }) => `${name}: ${reason}`),
    failures: titled('Failed:', failures, ({ subject, round, message }) => `${subject}, round ${round}: ${message}`),
    environment: bullets([run, ...describeHost(environment), ...describeVersions(environment)]),
  };
}

/** What takes the worth from a run's figures. */
function warningOf({ environment: { loadBefore }, settings: { rounds } }: Report, groups: Groups): string {
  const scatter = scatterOf(groups);
  const warnings = [
    ...(loadBefore > QUIET_LOAD
      ? [`The machine was busy with other things (load ${loadBefore.toFixed(1)} before the run).`]
      : []),
    ...(rounds < 5 ? [`${rounds} short rounds only.`] : []),
    ...(scatter > STEADY_SCATTER
      ? [`Between rounds, one and the same rate differs by a factor of ${scatter.toFixed(1)}.`]
      : []),
  ];
  return warnings.length === 0 ? '' : `**${warnings.join(' ')} The figures scatter widely; read the brackets.**`;
}

function titled<T>(title: string, items: readonly T[], tell: (item: T) => string): string {
  return items.length === 0 ? '' : `${title}\n\n${bullets(items.map(tell))}`;
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${escapeMarkdown(line)}`).join('\n');
}

/** What programs said is not to become a tag or a link; code spans and bold stay. */
function escapeMarkdown(line: string): string {
  return line.replaceAll(/[<>[\]]/g, (character) => `\\${character}`);
}
