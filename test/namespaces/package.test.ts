/** What `npm pack` makes: that it installs into an empty folder, and runs there, without TypeScript and without a checkout. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { Daemon } from '../support/daemon.ts';
import { Lab } from '../support/lab.ts';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-package-`));
const home = join(folder, 'home');
const installed = join(home, 'node_modules/tswitch');
const command = join(home, 'node_modules/.bin/tswitch');
/** As a user has it who has installed Node 24 or later. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${withoutBins(process.env['PATH'])}` };

const lab = new Lab();
afterEach(() => lab.close());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Lock {
  packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
}

function withoutBins(path = ''): string {
  return path
    .split(':')
    .filter((part) => !part.endsWith('/node_modules/.bin'))
    .join(':');
}

/** npm by the Node it came with, as users run it; nothing is asked of a registry, which would make the test depend on one. */
function npm(cwd: string, ...args: string[]): string {
  const flags = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts=false', '--loglevel=error'];
  return execFileSync('npm', [...args, ...flags], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH: withoutBins(process.env['PATH']), npm_config_engine_strict: 'false' },
  });
}

/** What a registry would give: the packages that the tarball depends on, as the lockfile has them. */
function placeDependencies(): void {
  const { packages }: Lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  for (const [path, { dev = false, devOptional = false }] of Object.entries(packages)) {
    if (path === '' || dev || devOptional || !existsSync(join(ROOT, path))) continue;
    cpSync(join(ROOT, path), join(home, path), { recursive: true, dereference: true });
  }
}

beforeAll(() => {
  mkdirSync(home);
  const [tarball = ''] = npm(ROOT, 'pack', '--pack-destination', folder).trim().split('\n').slice(-1);
  writeFileSync(join(home, 'package.json'), '{"name":"home","private":true}');
  placeDependencies();
  npm(home, 'install', join(folder, tarball));
});

function importsOf(text: string): string[] {
  const statements = text.matchAll(/^\s*(?:import|export)\s+(?:[^'"`;()]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  const calls = text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g);
  const named = [...statements, ...calls].map(([, from = '']) => from);
  // In the text of a file that the program writes, whose name is put in later.
  return named.filter((from) => !from.includes('${'));
}

function filesOf(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
}

test('it holds JavaScript, the launcher and the docs, and nothing that only a checkout needs', () => {
  const files = filesOf(installed);
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
  // Those are to be copied: what users write is TypeScript.
  expect(sources.filter((file) => !file.startsWith('examples/'))).toEqual([]);
  expect(files.filter((file) => /(^|\/)(test|demo|setup|plots|results)\//.test(file))).toEqual([]);
  expect(files).toEqual(
    expect.arrayContaining(['README.md', 'LICENSE', 'docs/systemd/tswitch.service', 'src/cli/tswitch']),
  );
  expect(existsSync(join(home, 'node_modules/typescript'))).toBe(false);
});

test('it imports only what it declares, and names no TypeScript file', () => {
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: object;
  };
  // Its own name stands in what it writes for users.
  const declared = ['tswitch', ...Object.keys(dependencies)];
  for (const file of filesOf(installed).filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(join(installed, file), 'utf8');
    for (const from of importsOf(text)) {
      const [scope = '', name] = from.split('/');
      if (from.startsWith('.')) expect(existsSync(join(installed, dirname(file), from)), `${file}: ${from}`).toBe(true);
      else if (!from.startsWith('node:'))
        expect(declared, file).toContain(scope.startsWith('@') ? `${scope}/${name}` : scope);
    }
  }
});

test('the command says its version, its help and what is wrong', () => {
  expect(execFileSync(command, ['--version'], { env, encoding: 'utf8' })).toBe(`${VERSION}\n`);
  expect(execFileSync(command, ['port', '--help'], { env, encoding: 'utf8' })).toMatch(/^Usage: tswitch port/);
});

test.each(['veth', 'tap'])('a daemon of it switches between two namespaces with %s ports', async (kind) => {
  const daemon = await Daemon.start(lab, { program: [command], env });
  const hosts = await Promise.all(['a', 'b'].map((label) => lab.netns(label, { ipv6: false })));
  for (const [index, host] of hosts.entries()) {
    const args = ['plug', host.name, '--kind', kind, '--ip', `10.55.0.${index + 1}/24`, '--socket', daemon.socket];
    execFileSync(command, args, { env });
    host.solicitPatiently();
    await host.connected();
  }
  expect(await hosts[0]!.pings('10.55.0.2')).toBe(true);
  const port = ['explain', '--port', hosts[0]!.name, '--frame', `ffffffffffff0200000000010806${'00'.repeat(46)}`];
  expect(execFileSync(command, [...port, '--socket', daemon.socket], { env, encoding: 'utf8' })).toContain('->');
  daemon.child.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
});
