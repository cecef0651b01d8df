/** A small run of every benchmark, as its user starts it, so that none can rot. Speeds are not looked at. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Report } from '../../bench/report/report.ts';
import { METRICS, type MetricName } from '../../bench/metrics.ts';
import { readResult } from '../../bench/report/read.ts';

const MAIN = join(import.meta.dirname, '../../bench/main.ts');
const TIMEOUT_MS = 120_000;
/** What takes hundreds of ports. */
const TOO_LONG: MetricName[] = ['rssBytes64', 'rssBytes256'];
const undo: (() => void)[] = [];

afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

interface Run {
  pid: number;
  code: number | null;
  stdout: string;
  stderr: string;
}

/** @param onStderr is given what the run said so far, each time it says something */
async function bench(args: string[], onStderr: (text: string, pid: number) => void = () => {}): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  undo.push(() => child.kill('SIGKILL'));
  const pid = child.pid!;
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr(stderr, pid);
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  return { pid, code: await promise, stdout, stderr };
}

/** Namespaces and folders that a run made and did not remove. */
function leftOf({ pid }: Run): string[] {
  const names = [...(existsSync('/run/netns') ? readdirSync('/run/netns') : []), ...readdirSync(tmpdir())];
  return names.filter((name) => name === `tswb-${pid}` || name.startsWith(`tswb-${pid}-`));
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-bench-test-'));
  undo.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

test(
  'a smoke run measures tswitch and the Linux bridge, reports, and leaves nothing',
  { timeout: TIMEOUT_MS },
  async () => {
    const folder = makeFolder();
    const run = await bench(['--smoke', '--output', folder]);
    expect(run.stdout.match(/^## Failed\n\n[^]*?(?=\n## )/m)?.[0] ?? '').toBe('');
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout).toContain('## Ratios to linux-bridge');
    expect(leftOf(run)).toEqual([]);

    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.svg')).length).toBeGreaterThan(5);
    const [markdown, file] = ['.md', '.json'].map((ending) => files.find((name) => name.endsWith(ending))!);
    expect(readFileSync(join(folder, markdown!), 'utf8')).toBe(run.stdout.slice(0, -1));
    const report: Report = JSON.parse(readFileSync(join(folder, file!), 'utf8'));
    expect(report.environment.kernel).toMatch(/^\d/);
    const measured = new Set<MetricName>(report.samples.map(({ metric }) => metric));
    // A busy machine may keep the generator from the rate asked for; then the report must say so.
    const isUnoffered = report.skipped.some(({ reason }) => reason.startsWith('loss at 20000 frames/s: the generator'));
    if (isUnoffered) measured.add('lossRatio');
    expect(Object.keys(METRICS).filter((name) => !measured.has(name as MetricName))).toEqual(TOO_LONG);
    expect(report.distributions.length).toBeGreaterThan(0);
    for (const subject of ['tswitch-veth', 'tswitch-tap', 'tswitch-packet', 'linux-bridge']) {
      expect(report.samples.filter((sample) => sample.subject === subject).length).toBeGreaterThan(2);
    }
  },
);

test('Ctrl-C removes everything, and what was measured until then is kept', { timeout: TIMEOUT_MS }, async () => {
  const folder = makeFolder();
  let isInterrupted = false;
  const run = await bench(['--smoke', '--only', 'linux-bridge', '--rounds', '50', '--output', folder], (text, pid) => {
    if (isInterrupted || !text.includes('round 2 of 50')) return;
    isInterrupted = true;
    setTimeout(() => process.kill(pid, 'SIGINT'), 700);
  });
  expect(run).toMatchObject({ code: 130, stdout: '' });
  expect(leftOf(run)).toEqual([]);
  const [, file = ''] = /^interrupted; everything was removed; so far: (.+)$/m.exec(run.stderr) ?? [];
  const { samples, skipped } = readResult(file);
  expect(new Set(samples.map(({ round }) => round))).toContain(1);
  expect(skipped).toContainEqual({ name: 'the rest of the run', reason: 'it was interrupted' });
});
