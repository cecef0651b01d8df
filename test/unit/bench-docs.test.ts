/** docs/benchmarks.md is what the published result says, and a result is published without the paths of a machine. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makePage } from '../../bench/docs/page.ts';
import { serialise, withoutPaths } from '../../bench/docs/publish.ts';
import { renderPlots } from '../../bench/plots/plots.ts';
import { parseResult, readResult } from '../../bench/report/read.ts';
import { reportOf, sample, wideReport } from '../support/bench-report.ts';

const ROOT = join(import.meta.dirname, '../..');
const STALE = 'made of another result or by another report: run npm run bench:docs';

test('the page has every plot, the findings, what was compared, and no gap left open', async () => {
  const report = wideReport();
  const plots = renderPlots(report);
  const page = await makePage({ ...report, skipped: [{ name: 'vde-switch', reason: 'not <installed>' }] }, plots);
  for (const { name, title } of plots) {
    expect(page).toContain(`![${title}](benchmarks/${name}.svg)`);
    expect(page).toContain(`- ${title}`);
  }
  expect(page).not.toContain('{{');
  expect(page).toContain('- **ovs-netdev**: about ovs-netdev; help: a hand');
  expect(page).toContain('- vde-switch: not \\<installed\\>');
  expect(page).toContain('Run of 2026-01-02T03:04:05.678Z, size `quick`, 3 rounds');
});

test('the page says where rounds agree too little', async () => {
  const at = { frameBytes: 64 };
  const pageOf = (rates: number[]): Promise<string> =>
    makePage(reportOf(rates.map((rate, k) => sample(k + 1, 'tswitch-veth', 'framesPerSecond', rate, at))), []);
  expect(await pageOf([500e3, 600e3, 900e3])).toContain('one and the same rate differs by a factor of 1.8.');
  expect(await pageOf([500e3, 510e3, 520e3])).not.toContain('differs by a factor');
});

describe('the published page', () => {
  const report = readResult(join(ROOT, 'bench/results/published.json'));
  const plots = renderPlots(report);

  test('is what bench:docs makes of the published result', async () => {
    expect(readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8') === (await makePage(report, plots)), STALE).toBe(
      true,
    );
  });

  test.each(plots)('and so is the plot $name', ({ name, svg }) => {
    const file = join(ROOT, `docs/benchmarks/${name}.svg`);
    expect(existsSync(file) && readFileSync(file, 'utf8') === svg, STALE).toBe(true);
  });
});

test('what is published holds no path of the machine it was made on', () => {
  const said =
    'Error: cannot open /home/jo/tswitch/bench/system/ovs.ts of /tmp/tswb-12/ovs-x/db.sock, see /usr/share/x';
  expect(withoutPaths(said)).toBe('Error: cannot open bench/system/ovs.ts of /tmp/.../ovs-x/db.sock, see /usr/share/x');
});

test('a result that is written with a line per sample reads the same', () => {
  const report = wideReport();
  const text = serialise(report);
  expect(parseResult('x.json', text)).toEqual(report);
  expect(text.split('\n').length).toBeGreaterThan(report.samples.length);
});
