/** What the comparison of two results calls a movement, and what it leaves to the noise. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type MetricName, METRICS, type Sample } from '../../bench/metrics.ts';
import { compareResults, type Movement } from '../../bench/report/comparison.ts';
import type { Report } from '../../bench/report/report.ts';
import { reportOf, rounds, sample } from '../support/bench-report.ts';

const PROGRAM = join(import.meta.dirname, '../../bench/compare.ts');
const undo: (() => void)[] = [];

afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

function values(metric: MetricName, all: number[], subject = 'tswitch-veth'): Sample[] {
  return all.map((value, k) => sample(k + 1, subject, metric, value));
}

function compare(metric: MetricName, before: number[], after: number[]): Movement {
  const [movement] = compareResults(reportOf(values(metric, before)), reportOf(values(metric, after)));
  return movement!;
}

function run(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PROGRAM, ...args], (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

function write(report: Report): string {
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-compare-test-'));
  undo.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'r.json'), JSON.stringify(report));
  return join(folder, 'r.json');
}

describe('moved', () => {
  test.each([
    ['all rounds above', [10, 11, 12], [13, 14, 15], 'better'],
    ['all rounds below', [10, 11, 12], [7, 8, 9], 'worse'],
    ['ranges that touch', [10, 11, 12], [12, 14, 15], 'within the noise'],
    ['one round that overlaps', [10, 11, 14], [13, 14, 15], 'within the noise'],
    ['steady and small', [100, 100.1, 100.2], [101, 101.1, 101.2], 'within the noise'],
    ['two rounds only', [10, 11], [20, 21], 'too few rounds'],
  ] as const)('%s', (_, before, after, verdict) => {
    expect(compare('framesPerSecond', [...before], [...after]).verdict).toBe(verdict);
  });

  test('less is better of times and losses', () => {
    expect(compare('latencyP99Us', [10, 11, 12], [7, 8, 9]).verdict).toBe('better');
    expect(compare('cpuNsPerFrame', [10, 11, 12], [20, 21, 22]).verdict).toBe('worse');
  });

  test('from nothing to something has no percentage, and is a movement all the same', () => {
    expect(compare('heapBytesPerFrame', [0, 0, 0], [1, 1, 1])).toMatchObject({ change: null, verdict: 'worse' });
  });

  test('ratios to the reference are compared, so that a slower machine moves nothing', () => {
    const both = (ours: number, reference: number): Report =>
      reportOf([
        ...rounds('tswitch-veth', 'framesPerSecond', ours),
        ...rounds('linux-bridge', 'framesPerSecond', reference),
      ]);
    const movements = compareResults(both(400, 200), both(200, 100));
    expect(movements.map(({ subject, isRatio, verdict }) => [subject, isRatio, verdict])).toEqual([
      ['tswitch-veth', true, 'within the noise'],
      ['linux-bridge', false, 'worse'],
    ]);
    const [slower] = compareResults(both(400, 200), both(150, 100));
    expect(slower).toMatchObject({ before: { median: 2 }, after: { median: 1.5 }, change: -0.25, verdict: 'worse' });
  });

  test('only the same conditions are compared', () => {
    const at = (flows: number): Report => reportOf(rounds('tswitch-veth', 'framesPerSecond', 1, { flows }));
    expect(compareResults(at(1), at(4096))).toEqual([]);
    expect(compareResults(at(1), at(1))).toHaveLength(1);
  });
});

describe('bench/compare.ts', () => {
  test('shows what moved, says by which rule, and fails on a regression only if asked to', async () => {
    const [a, b] = [
      write(reportOf(values('framesPerSecond', [300e3, 310e3, 320e3]))),
      write(reportOf(values('framesPerSecond', [200e3, 210e3, 220e3]))),
    ];
    const shown = await run([a, b]);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('0 better, 1 worse');
    expect(shown.stdout).toMatch(/310 \(300 to 320\) +\| 210 \(200 to 220\) +\| −32 % +\| \*\*worse\*\*/);
    expect(shown.stdout).toContain('Moved: all rounds of one result lie above all rounds of the other');
    expect((await run([a, b, '--fail-on-regression'])).code).toBe(1);
    expect((await run([b, a, '--fail-on-regression'])).code).toBe(0);
    expect((await run([a, a, '--fail-on-regression'])).stdout).not.toContain(METRICS.framesPerSecond.title);
    expect((await run([a, a, '--all'])).stdout).toContain(METRICS.framesPerSecond.title);
  });

  test('says what is different about the runs', async () => {
    const newer = reportOf(values('framesPerSecond', [1, 2, 3]));
    newer.environment.kernel = '7.1';
    const { stdout } = await run([write(reportOf(values('framesPerSecond', [1, 2, 3]))), write(newer)]);
    expect(stdout).toContain('- kernel: 6.18 -> 7.1');
  });

  test('refuses what it cannot compare, in one line and with the usage', async () => {
    expect(await run(['one.json'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^give two result files\nusage: /),
    });
    expect(await run(['/no/a.json', '/no/b.json'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^there is no file \/no\/a\.json\n/),
    });
  });
});
