/** The files of a run: the result as JSON, the report as Markdown, and the plots, all named by when it began. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderPlots } from './plots/plots.ts';
import type { Report } from './report/report.ts';

/** @returns where the JSON is; the others are beside it, the plots in a folder of the same name */
export async function writeResults(report: Report, markdown: string, folder: string): Promise<string> {
  const name = join(folder, report.environment.date.replaceAll(':', '-'));
  await mkdir(folder, { recursive: true });
  await writeFile(`${name}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(`${name}.md`, markdown);
  const plots = renderPlots(report);
  if (plots.length > 0) await mkdir(name);
  for (const plot of plots) await writeFile(join(name, `${plot.name}.svg`), plot.svg);
  return `${name}.json`;
}
