/**
 * npm run bench:docs: makes docs/benchmarks.md and its plots. With a result file it publishes that one first: copies it,
 * without what would tell where it was made, to bench/results/published.json.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePage } from './docs/page.ts';
import { writePublished } from './docs/publish.ts';
import { renderPlots } from './plots/plots.ts';
import { readResult } from './report/read.ts';

const USAGE = 'usage: npm run bench:docs [-- RESULT.json]';
const PUBLISHED = fileURLToPath(new URL('results/published.json', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const PLOTS = fileURLToPath(new URL('../docs/benchmarks', import.meta.url));

async function main(args: readonly string[]): Promise<void> {
  const [file, ...rest] = args;
  if (rest.length > 0 || file?.startsWith('-')) throw new Error('give one result file, or none for the published one');
  if (file !== undefined) await writePublished(readResult(file), PUBLISHED);
  const report = readResult(PUBLISHED);
  const plots = renderPlots(report);
  await mkdir(PLOTS, { recursive: true });
  for (const name of await readdir(PLOTS)) if (name.endsWith('.svg')) await rm(join(PLOTS, name));
  for (const { name, svg } of plots) await writeFile(join(PLOTS, `${name}.svg`), svg);
  await writeFile(PAGE, await makePage(report, plots));
  console.log(`docs/benchmarks.md and ${plots.length} plots, from the run of ${report.environment.date}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
