/** Views that are shown again and again: in place on a terminal, below each other elsewhere, and how they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { fitting } from '../../src/cli/watch.ts';
import type { PortView } from '../../src/control/model.ts';
import { MAIN, usage } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

const ESC = '\u001b[';
const folder = mkdtempSync(join(tmpdir(), 'tswitch-watch-'));
const socket = join(folder, 'api.sock');
const children: ChildProcess[] = [];
/** Frames received by now: each time that somebody asks, a thousand more. */
let frames = 0;
let api: { close(): Promise<void> };

beforeAll(async () => {
  const control = fakeControl();
  await control.addPort({ name: 'red', kind: 'veth', netns: 'red' });
  const stats = () => {
    frames += 1000;
    const { ports, ...rest } = control.stats();
    const { red } = ports;
    return { ...rest, ports: { red: { ...red!, rx: { ...red!.rx, frames }, drops: { NOT_A_MEMBER: frames / 10 } } } };
  };
  const ports = (): PortView[] =>
    control.ports().map((port) => ({ ...port, mac: `02:00:00:00:00:${String(frames++ % 100).padStart(2, '0')}` }));
  api = await serveApi({ ...control, stats, ports }, { socket });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

interface Watching {
  child: ChildProcess;
  output: string;
  ended: Promise<number | string>;
}

function start(file: string, args: string[]): Watching {
  const child = spawn(file, args, { env: { ...process.env, TSWITCH_SOCKET: socket, TERM: 'xterm' } });
  const watching: Watching = {
    child,
    output: '',
    ended: new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? -1))),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (watching.output += text));
  }
  children.push(child);
  return watching;
}

const piped = (...args: string[]): Watching => start(process.execPath, [MAIN, ...args]);
/** On a terminal of 12 lines of 80 columns. */
function onTerminal(...args: string[]): Watching {
  const words = [process.execPath, MAIN, ...args].join(' ');
  return start('script', ['-qefc', `stty rows 12 cols 80; exec ${words}`, '/dev/null']);
}

describe('elsewhere than on a terminal', () => {
  test('views follow each other, with rates from the second on', async () => {
    const watching = piped('stats', '--watch', '0.2');
    await expect.poll(() => watching.output.match(/^red /gm)?.length ?? 0).toBeGreaterThanOrEqual(3);
    watching.child.kill('SIGINT');
    expect(await watching.ended).toBe(0);
    expect(watching.output).not.toContain(ESC);
    const heads = watching.output.match(/^PORT .*$/gm)!;
    expect(
      new Set(
        heads.map((head) =>
          head
            .trim()
            .split(/\s{2,}/)
            .join('|'),
        ),
      ).size,
    ).toBe(1);
    expect(heads[0]).toMatch(/^PORT +RX\/s +TX\/s +RX Mbit\/s +TX Mbit\/s +DROPS\/s +RX FRAMES/);
    const [first = [], second = []] = watching.output.match(/^red .*$/gm)!.map((row) => row.split(/\s+/));
    // A name and seven counters; then five rates between them: of received frames ten times that of drops.
    expect(first).toHaveLength(8);
    expect(second).toHaveLength(13);
    const [received, drops] = [Number(second[1]), Number(second[5])];
    expect(received).toBeGreaterThan(0);
    expect(Math.abs(received / 10 - drops)).toBeLessThanOrEqual(1);
  });

  test.each([
    [['stats'], 'totals'],
    [['port', 'ls'], 'ports'],
    [['fdb', 'ls'], 'entries'],
  ])('%j with --json: one document per line', async (command, field) => {
    const watching = piped(...command, '--watch', '0.1', '--json');
    await expect.poll(() => watching.output.split('\n').length).toBeGreaterThan(3);
    watching.child.kill('SIGTERM');
    expect(await watching.ended).toBe(0);
    for (const line of watching.output.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty(field);
  });

  test('a reader that has seen enough is no failure', async () => {
    const watching = piped('port', 'ls', '--watch', '0.1');
    watching.child.stdout?.once('data', () => watching.child.stdout?.destroy());
    expect(await watching.ended).toBe(0);
  });
});

describe('on a terminal', () => {
  test('each view is drawn over the one before, and Ctrl-C gives the terminal back', async () => {
    const watching = onTerminal('port', 'ls', '--watch', '0.1');
    await expect.poll(() => watching.output.split(`${ESC}H`).length).toBeGreaterThan(3);
    watching.child.stdin?.write('\u0003');
    expect(await watching.ended).toBe(0);
    const [before = '', ...rest] = watching.output.split(`${ESC}?1049h`);
    expect(before).toBe('');
    expect(rest).toHaveLength(1);
    const [drawn = '', after = ''] = rest[0]!.split(`${ESC}?1049l`);
    // Nothing is erased before it is drawn over: that is what flickers.
    expect(drawn).not.toContain(`${ESC}2J`);
    const shots = drawn.split(`${ESC}?2026h`).slice(1);
    for (const shot of shots.slice(0, -1)) {
      expect(shot.startsWith(`${ESC}H`)).toBe(true);
      expect(shot.endsWith(`${ESC}K${ESC}J${ESC}?2026l`)).toBe(true);
      expect(shot).toMatch(/NAME.*\r+\n.*red/);
    }
    expect(drawn).toContain(`${ESC}?25h`);
    // The last view stays, below what was there before.
    expect(after).toMatch(/NAME.*\r+\n.*red.*02:00:00:00:00:\d\d/);
  });

  test('a daemon that ends is told, and the terminal given back', async () => {
    const gone = join(folder, 'gone.sock');
    const server = await serveApi(fakeControl(), { socket: gone });
    const watching = onTerminal('--socket', gone, 'port', 'ls', '--watch', '0.1');
    await expect.poll(() => watching.output).toContain('no ports');
    await server.close();
    expect(await watching.ended).toBe(1);
    // By whether it ended between two looks, or during one.
    expect(watching.output.slice(watching.output.indexOf(`${ESC}?1049l`))).toMatch(
      new RegExp(`no daemon answers on ${gone}; start one|the daemon on ${gone} ended before it answered`),
    );
  });

  test('what does not fit is told', () => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    expect(fitting(lines, 30)).toEqual(lines);
    expect(fitting(lines, 12)).toEqual([...lines.slice(0, 11), 'and 19 more lines: enlarge the terminal']);
    expect(fitting(lines, 1)).toEqual(['and 30 more lines: enlarge the terminal']);
  });
});

test.each(['0', '-1', 'red', '1e9', '86401', '0.01'])('%s is no time between two views', async (seconds) => {
  const { code, stderr } = await usage(['stats', `--watch=${seconds}`]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/seconds from 0\.1 to 86400/);
});
