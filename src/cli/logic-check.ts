/** What `tswitch logic check` looks at besides the contract: the types, and the test beside the file. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LOGIC_FILE_ENDINGS } from '../control/logic/model.ts';
import { programFile } from '../program-file.ts';

export interface CheckResult {
  /** Null: it was not looked at. */
  holds: boolean | null;
  text: string;
}

/** Whether TypeScript can look at it at all; what else is named, who loads it refuses better. */
export function canHaveTypes(file: string): boolean {
  const isNamedSo = LOGIC_FILE_ENDINGS.some((ending) => ending === extname(file));
  return isNamedSo && (statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
}

/** Has TypeScript look at the file, where it is installed: beside the file or with tswitch. */
export async function checkTypes(file: string): Promise<CheckResult> {
  const compiler = findTypeScript(file);
  if (compiler === null)
    return { holds: null, text: 'not checked: TypeScript is not installed (npm install typescript)' };
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-types-'));
  try {
    const project = join(folder, 'tsconfig.json');
    writeFileSync(project, JSON.stringify({ compilerOptions: compilerOptions(), files: [file] }));
    const { code, output } = await run([compiler, '--project', project, '--pretty', 'false']);
    return code === 0 ? { holds: true, text: 'right' } : { holds: false, text: output.trim() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As of a project of its own, which finds this installation whatever folder the file is in. */
function compilerOptions(): object {
  const zod = folderOf('zod', import.meta.url);
  const nodeTypes = folderOf('@types/node', import.meta.url);
  return {
    target: 'esnext',
    lib: ['esnext'],
    // Whatever package.json is around it, it is run as a module.
    module: 'esnext',
    moduleResolution: 'bundler',
    moduleDetection: 'force',
    ...(nodeTypes === null ? { types: [] } : { types: ['node'], typeRoots: [dirname(nodeTypes)] }),
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
    paths: {
      'tswitch/logic': [typesOf('../sdk/logic')],
      'tswitch/sandbox': [typesOf('../sdk/sandbox')],
      ...(zod === null ? {} : { zod: [zod] }),
    },
  };
}

/** In the package, where files are .js, their types lie beside them. */
function typesOf(path: string): string {
  return programFile(import.meta.url, path).replace(/\.js$/, '.d.ts');
}

/** Runs NAME.test.ts beside NAME.ts, if there is one. */
export async function runTest(file: string): Promise<CheckResult> {
  const test = `${file.slice(0, -extname(file).length)}.test${extname(file)}`;
  if (!existsSync(test)) return { holds: null, text: `there is none (${test})` };
  const register = pathToFileURL(programFile(import.meta.url, '../sdk/register')).href;
  const { code, output } = await run(['--import', register, '--test', '--test-reporter=spec', test]);
  return code === 0 ? { holds: true, text: `${test} passes` } : { holds: false, text: output.trim() };
}

function findTypeScript(file: string): string | null {
  const folder = folderOf('typescript', file) ?? folderOf('typescript', import.meta.url);
  const compiler = folder && join(folder, 'bin/tsc');
  return compiler && existsSync(compiler) ? compiler : null;
}

/** @param from the file that would import it */
function folderOf(name: string, from: string): string | null {
  try {
    return dirname(createRequire(from).resolve(`${name}/package.json`));
  } catch {
    return null;
  }
}

function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // Whoever runs tests in a test would have them reported to the outer one.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined };
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
