/** `npm start`, run as a user runs it: what it proves and prints, and that nothing stays behind however it ends. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAsExpected, readPings } from '../../src/demo/proof.ts';

const ROOT = join(import.meta.dirname, '../..');
const RECORD = '/run/tswitch/demo.json';
const NAMESPACES = ['tsw-red', 'tsw-blue', 'tsw-green'];
const STAYS = 'Ctrl-C';

interface Demo {
  process: ChildProcess;
  /** Everything printed up to now, on both streams. */
  output: string;
  /** Exit code, or the signal's name. */
  ended: Promise<number | string>;
}

let folder: string;
let socket: string;
let running: Demo[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tswitch-demo-'));
  socket = join(folder, 'api.sock');
});

afterEach(async () => {
  for (const demo of running) demo.process.kill('SIGTERM');
  await Promise.all(running.map((demo) => demo.ended));
  running = [];
  // What a killed demo left goes with the next start; one that only refuses does not clean.
  if (existsSync(RECORD)) await start(['--once']).ended;
  rmSync(folder, { recursive: true, force: true });
});

function launch(program: string, args: string[]): Demo {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, TSWITCH_SOCKET: socket, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const demo: Demo = {
    process: child,
    output: '',
    ended: once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      demo.output += text;
    });
  }
  running.push(demo);
  return demo;
}

const npmStart = (...args: string[]) => launch('npm', ['start', '--silent', '--', ...args]);
/** Without npm between, so that a signal meets the demo itself. */
const start = (args: string[] = []) => launch(process.execPath, [join(ROOT, 'src/demo/main.ts'), ...args]);

async function untilPrinted(demo: Demo, text: string): Promise<void> {
  while (!demo.output.includes(text)) {
    if (demo.process.exitCode !== null) throw new Error(`ended before it printed ${text}:\n${demo.output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/** Names of the demo's that are still there. */
function leftBehind(): string[] {
  const namespaces = ip('netns', 'ls')
    .split('\n')
    .map((line) => line.split(' ')[0]!);
  const netdevs = ip('-br', 'link')
    .split('\n')
    .map((line) => line.split(/[ @]/)[0]!);
  const daemons = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((args) => args.includes(socket));
  return [
    ...NAMESPACES.filter((name) => namespaces.includes(name)),
    ...netdevs.filter((name) => NAMESPACES.includes(name.replace(/^tsw-tsw-/, 'tsw-'))),
    ...daemons,
    ...[socket, RECORD].filter((path) => existsSync(path)),
  ];
}

test('npm start -- --once proves that frames cross, and that VLANs are apart; exit code 0; nothing stays', async () => {
  const demo = npmStart('--once');
  expect(await demo.ended, demo.output).toBe(0);
  expect(demo.output).toMatch(/ok +red -> blue +3 of 3 pings answered/);
  expect(demo.output).toMatch(/ok +blue -> red +3 of 3 pings answered/);
  expect(demo.output).toMatch(/ok +red -> green +0 of 3 pings answered/);
  expect(demo.output).toMatch(/ok +green -> red +0 of 3 pings answered/);
  expect(demo.output).toMatch(/ok +TCP red -> blue +\d+\.\d Gbit\/s/);
  expect(demo.output).not.toMatch(/FAILED|Warning/);
  for (const name of NAMESPACES) expect(demo.output).toMatch(new RegExp(`^ *${name} .*veth`, 'm'));
  expect(demo.output).toMatch(/([0-9a-f]{2}:){5}[0-9a-f]{2}/);
  expect(leftBehind()).toEqual([]);
});

test('pings that were answered more than once prove nothing', () => {
  const end = (counts: string) =>
    `--- 10.0.0.2 ping statistics ---\n3 packets transmitted, ${counts}\nrtt min/avg/max/mdev = 0.1/0.2/0.3/0.1 ms\n`;
  const single = readPings(end('3 received, 0% packet loss, time 406ms'))!;
  expect(single).toEqual({ sent: 3, received: 3, duplicates: 0, meanMs: 0.2 });
  expect([isAsExpected(single, true), isAsExpected(single, false)]).toEqual([true, false]);
  const double = readPings(end('3 received, +2 duplicates, 0% packet loss, time 406ms'))!;
  expect(double).toEqual({ ...single, duplicates: 2 });
  expect([isAsExpected(double, true), isAsExpected(double, false)]).toEqual([false, false]);
  const none = readPings('3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2050ms\n')!;
  expect(none).toEqual({ sent: 3, received: 0, duplicates: 0, meanMs: null });
  expect([isAsExpected(none, true), isAsExpected(none, false)]).toEqual([false, true]);
  expect(readPings('ping: connect: Network is unreachable\n')).toBeNull();
});

test('SIGTERM ends a staying demo, which removes all it made', async () => {
  const demo = start();
  await untilPrinted(demo, STAYS);
  expect(demo.output).toContain(`curl --unix-socket ${socket} http://localhost/v1/ports`);
  expect(leftBehind()).toEqual(expect.arrayContaining(NAMESPACES));
  demo.process.kill('SIGTERM');
  expect(await demo.ended, demo.output).toBe(0);
  expect(leftBehind()).toEqual([]);
});

test.each(['tswitch serve', 'Proof'])('a signal to npm ends the demo also at `%s`', async (moment) => {
  const demo = npmStart();
  await untilPrinted(demo, moment);
  demo.process.kill('SIGINT');
  expect(await demo.ended).not.toBe(0);
  expect(leftBehind()).toEqual([]);
});

test('a closed terminal (SIGHUP, nobody reads any more) removes all the same', async () => {
  const demo = start();
  await untilPrinted(demo, 'Proof');
  demo.process.stdout?.destroy();
  demo.process.stderr?.destroy();
  demo.process.kill('SIGHUP');
  await demo.ended;
  expect(leftBehind()).toEqual([]);
});

test('the next start removes what a SIGKILL left', async () => {
  const killed = start();
  await untilPrinted(killed, STAYS);
  killed.process.kill('SIGKILL');
  await killed.ended;
  expect(leftBehind()).toEqual(expect.arrayContaining(NAMESPACES));
  const next = start(['--once']);
  expect(await next.ended, next.output).toBe(0);
  expect(next.output).toContain('removing what a demo left behind');
  expect(leftBehind()).toEqual([]);
});

test('a second demo, or one beside a daemon, refuses in one line and touches nothing', async () => {
  const first = start();
  await untilPrinted(first, STAYS);
  const record = readFileSync(RECORD, 'utf8');
  const second = start(['--once']);
  expect(await second.ended).toBe(1);
  expect(second.output).toMatch(/^tswitch demo: a demo runs already \(pid \d+\): stop that one first\n$/);
  expect(readFileSync(RECORD, 'utf8')).toBe(record);
  // Without its record it is a daemon like any other.
  rmSync(RECORD);
  const third = start(['--once']);
  expect(await third.ended).toBe(1);
  expect(third.output).toMatch(new RegExp(`^tswitch demo: a daemon already holds ${socket}: .*\n$`));
  expect(leftBehind()).toEqual(expect.arrayContaining(NAMESPACES));
  writeFileSync(RECORD, record);
  // The end of its daemon is the end of the demo, which then removes what that one could not.
  process.kill((JSON.parse(record) as { daemon: { pid: number } }).daemon.pid, 'SIGKILL');
  expect(await first.ended).toBe(1);
  expect(first.output).toMatch(/\ntswitch demo: the daemon has ended: .*SIGKILL/);
  expect(leftBehind()).toEqual([]);
});

test('a namespace of another with one of the names stays untouched', async () => {
  ip('netns', 'add', 'tsw-green');
  try {
    const demo = start(['--once']);
    expect(await demo.ended).toBe(1);
    expect(demo.output).toMatch(/^tswitch demo: there is a namespace tsw-green that the demo did not make: .*\n$/);
    expect(leftBehind()).toEqual(['tsw-green']);
  } finally {
    ip('netns', 'del', 'tsw-green');
  }
});

test('without root it says in one line what is missing', async () => {
  const noOne = '--reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all'.split(' ');
  const demo = launch('setpriv', [...noOne, process.execPath, join(ROOT, 'src/demo/main.ts'), '--once']);
  expect(await demo.ended).toBe(1);
  expect(demo.output).toMatch(/^tswitch demo: .*CAP_NET_ADMIN.*root.*\n$/);
});
