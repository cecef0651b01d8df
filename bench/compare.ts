/** npm run bench:compare: two results side by side, and what moved beyond the noise. */
import { parseArgs } from 'node:util';
import { METRICS } from './metrics.ts';
import { compareResults, differences, type Movement, RULE, unitOf, unmatched } from './report/comparison.ts';
import { tellAll } from './report/conditions.ts';
import { printFigure, printSpread, table } from './report/print.ts';
import { readResult } from './report/read.ts';
import type { Report } from './report/report.ts';

const USAGE = `usage: npm run bench:compare -- A.json B.json [--all] [--fail-on-regression]

  --all                 show also what did not move
  --fail-on-regression  exit code 1 if anything moved for the worse`;
const EXIT_WORSE = 1;
const EXIT_USAGE = 2;

function render(before: Report, after: Report, showAll: boolean): string {
  const movements = compareResults(before, after);
  const shown = movements.filter(({ verdict }) => showAll || verdict === 'better' || verdict === 'worse');
  const count = (verdict: Movement['verdict']): number => movements.filter((one) => one.verdict === verdict).length;
  const { onlyBefore, onlyAfter } = unmatched(before, after);
  const different = differences(before, after);
  const summary = `${count('better')} better, ${count('worse')} worse, ${count('within the noise')} within the noise, ${count('too few rounds')} with too few rounds to say. Only in the first result: ${onlyBefore}; only in the second: ${onlyAfter}.`;
  return [
    `# ${before.environment.date} and ${after.environment.date}`,
    summary,
    ...(shown.length === 0 ? [] : [table(['', 'under', 'unit', 'first', 'second', 'change', ''], shown.map(rowOf))]),
    ...(different.length === 0 ? [] : [`Different:\n\n${different.map((line) => `- ${line}`).join('\n')}`]),
    RULE,
  ].join('\n\n');
}

function rowOf(movement: Movement): string[] {
  const { subject, metric, at, isRatio, before, after, change, verdict } = movement;
  const print = isRatio ? (value: number) => value.toFixed(2) : (value: number) => printFigure(metric, value);
  const percent = change === null ? '' : `${change < 0 ? '−' : '+'}${Math.abs(change * 100).toFixed(0)} %`;
  return [
    `${subject}: ${METRICS[metric].title}`,
    tellAll(at),
    unitOf(movement),
    printSpread(before, print),
    printSpread(after, print),
    percent,
    verdict === 'worse' ? '**worse**' : verdict,
  ];
}

/** @returns the exit code */
function main(args: string[]): number {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      'fail-on-regression': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [first, second] = positionals;
  if (first === undefined || second === undefined || positionals.length > 2) throw new Error('give two result files');
  const [before, after] = [readResult(first), readResult(second)];
  console.log(render(before, after, values.all));
  const isWorse = compareResults(before, after).some(({ verdict }) => verdict === 'worse');
  return isWorse && values['fail-on-regression'] ? EXIT_WORSE : 0;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
}
