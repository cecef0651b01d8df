/** The root folder of the managed plugin: the running Node, the tools that the daemon calls, and what they link to, as this machine has them. */
import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TOOLS } from '../../control/plumbing/tool.ts';

const run = promisify(execFile);

const PROJECT = join(import.meta.dirname, '../../..');
/** Where the project is in it. */
const PLACE = 'usr/lib/tswitch';
const PARTS = ['package.json', 'src', 'native-bindings'];
/** What docker's runc mounts on, or the daemon writes to. */
const FOLDERS = ['dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'usr/bin', 'usr/sbin', 'var/lib/tswitch'];
/** Beside those that the daemon calls: what the start needs, and what keeps a killed daemon's sockets (descriptor-store.ts). */
const OTHER_TOOLS = ['sh', 'mount', 'xargs', 'sleep'];
/** Node's own FFI library is koffi; the other is there for machines where that does not load, and this one has tried. */
const LEFT_OUT = /^(?:ffi-rs|@yuuang\/)/;
/** iptables loads matches and targets by name. */
const XTABLES = [
  '/usr/lib64/xtables',
  '/usr/lib/xtables',
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/xtables`,
];

/** @param root a folder that is empty. @throws Error where a tool is missing */
export async function makeRootfs(root: string): Promise<void> {
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true });
  symlinkSync('../run', join(root, 'var/run'));
  symlinkSync('usr/bin', join(root, 'bin'));
  for (const part of PARTS) cpSync(join(PROJECT, part), join(root, PLACE, part), { recursive: true });
  const packages = runtimePackages();
  for (const name of packages) {
    const path = join('node_modules', name);
    cpSync(realpathSync(join(PROJECT, path)), join(root, PLACE, path), { recursive: true });
  }
  const node = join(root, 'usr/bin/node');
  cpSync(realpathSync(process.execPath), node);
  // A fifth of it is symbols. Where binutils are missing, they stay.
  await run('strip', [node]).catch(() => undefined);
  const programs = [...OTHER_TOOLS, ...TOOLS].map((tool) => installTool(root, tool));
  const modules = XTABLES.filter((folder) => existsSync(folder));
  for (const folder of modules) cpSync(folder, join(root, folder), { recursive: true });
  const loaded = modules.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  const addons = packages.flatMap((name) => addonsOf(join(PROJECT, 'node_modules', name)));
  await installLibraries(root, [process.execPath, ...programs, ...addons, ...loaded]);
}

/** Names of the lockfile's packages that are no devDependencies, nor for another platform. */
function runtimePackages(): string[] {
  const lock = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && !dev && existsSync(join(PROJECT, path)))
    .map(([path]) => path.slice('node_modules/'.length))
    .filter((name) => !LEFT_OUT.test(name));
}

function addonsOf(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.node')).map((file) => join(folder, file));
}

/** By its name in PATH, whatever it is a link to. @returns the program itself */
function installTool(root: string, tool: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  const found = folders.map((folder) => join(folder, tool)).find(isExecutable);
  if (found === undefined) throw new Error(`the program \`${tool}\` is not installed, and the plugin needs it`);
  const program = realpathSync(found);
  copyOnce(program, join(root, program));
  const link = join(root, 'usr/bin', tool);
  if (!existsSync(link)) symlinkSync(program, link);
  return program;
}

async function installLibraries(root: string, files: readonly string[]): Promise<void> {
  // What links to nothing makes it fail, and prints the rest.
  const { stdout } = await run('ldd', [...files]).catch((error: { stdout: string }) => error);
  // `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and the loader without a name.
  for (const [, library = ''] of stdout.matchAll(/(\/\S+) \(0x/g)) copyOnce(library, join(root, library));
}

function copyOnce(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  cpSync(realpathSync(from), to);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
