/** `tswitch bench` as its user starts it: it answers, it can be interrupted, and nothing is left. Speeds are not looked at. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { parseResult } from '../../bench/report/read.ts';
import { MAIN } from '../support/cli-runner.ts';

const SMALL = ['bench', '--quick', '--seconds', '0.1', '--socket', '/run/tswitch-no-such-daemon.sock'];
const TIMEOUT_MS = 120_000;
const undo: (() => void)[] = [];

afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Of the benchmarks themselves, after which everything is named that they make. */
  pid: number;
}

/** @param onStderr is given what the run said so far, each time it says something */
async function tswitch(
  args: string[],
  options: { uid?: number; onStderr?: (text: string, pid: number) => void } = {},
): Promise<Run> {
  const { uid, onStderr = () => {} } = options;
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], ...(uid && { uid }) });
  let [stdout, stderr, pid] = ['', '', 0];
  undo.push(() => child.kill('SIGKILL'));
  undo.push(() => {
    if (pid !== 0 && childrenOf(child.pid!).includes(pid)) process.kill(pid, 'SIGKILL');
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    pid ||= childrenOf(child.pid!)[0] ?? 0;
    stderr += text;
    onStderr(stderr, child.pid!);
  });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  return { code: await promise, stdout, stderr, pid };
}

function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
}

function leftOf({ pid }: Run): string[] {
  expect(pid).toBeGreaterThan(0);
  const names = [...(existsSync('/run/netns') ? readdirSync('/run/netns') : []), ...readdirSync(tmpdir())];
  return names.filter((name) => name === `tswb-${pid}` || name.startsWith(`tswb-${pid}-`));
}

test('prints a page with tswitch and the Linux bridge, and leaves nothing', { timeout: TIMEOUT_MS }, async () => {
  const run = await tswitch(SMALL);
  expect(run.stdout).not.toContain('Failed:');
  expect(run).toMatchObject({ code: 0 });
  expect(run.stdout).toMatch(/^tswitch \d+\.\d+\.\d+ on this host: .+ processors, Linux /);
  expect(run.stdout).toMatch(/^tswitch-veth\S* +[\d.]+ +\d+ +[\d.]+ +[\d.]+ +\d+$/m);
  expect(run.stdout).toMatch(/^linux-bridge +[\d.]+ +[\d.]+ +[\d.]+ +\d+$/m);
  expect(run.stdout).toMatch(/^ {2}to the Linux bridge: frames [\d.]+ ×, TCP [\d.]+ ×, ping time [\d.]+ ×$/m);
  expect(run.stdout.trimEnd().split('\n').length).toBeLessThan(40);
  expect(run.stderr).toMatch(/^round 1 of 1: rate 64 B, 1 flow, tswitch-veth\S* \(about \d+ s left\)$/m);
  expect(leftOf(run)).toEqual([]);
});

test('--json prints a result that bench:compare reads, of the kind asked for', { timeout: TIMEOUT_MS }, async () => {
  const run = await tswitch([...SMALL, '--kind', 'tap', '--json']);
  const { samples, subjects, failures } = parseResult('stdout', run.stdout);
  expect(failures).toEqual([]);
  expect(run).toMatchObject({ code: 0 });
  expect(subjects[0]?.name).toMatch(/^tswitch-tap/);
  const measured = new Set(samples.filter(({ subject }) => subject === subjects[0]?.name).map(({ metric }) => metric));
  expect([...measured]).toEqual(
    expect.arrayContaining(['framesPerSecond', 'cpuNsPerFrame', 'tcpBetter', 'tcpWorse', 'rttMedianUs']),
  );
  expect(leftOf(run)).toEqual([]);
});

test('Ctrl-C, even twice, removes everything', { timeout: TIMEOUT_MS }, async () => {
  let isInterrupted = false;
  const run = await tswitch(['bench', '--seconds', '1', '--socket', '/run/tswitch-no-such-daemon.sock'], {
    onStderr: (text, pid) => {
      if (isInterrupted || !text.includes('round 1 of 3')) return;
      isInterrupted = true;
      for (const afterMs of [1500, 1600]) setTimeout(() => process.kill(pid, 'SIGINT'), afterMs);
    },
  });
  expect(run).toMatchObject({ code: 130, stdout: '' });
  expect(run.stderr).toContain('tswitch: interrupted; everything was removed');
  expect(leftOf(run)).toEqual([]);
});

test('without root it says in one line what to do, and makes nothing', async () => {
  const nobody = 65_534;
  const run = await tswitch(SMALL, { uid: nobody });
  expect(run).toMatchObject({ code: 1, stdout: '', pid: 0 });
  expect(run.stderr).toBe(
    'tswitch: bench makes network namespaces, which takes root: run it as root (sudo tswitch bench)\n',
  );
});
