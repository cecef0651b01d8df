/** The house rules that a reader relies on: who may import whom, and files of a size that can be read in one sitting. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const LINES_MAX = 500;

/** Folder: the folders it may import from, besides itself. A new folder needs a row here. */
const MAY_IMPORT: Record<string, string[]> = {
  'native-bindings': [],
  'src/frame': [],
  'src/shared': ['src/frame'],
  'src/switching': ['src/frame', 'src/shared'],
  'src/ports': ['src/frame', 'src/shared', 'native-bindings'],
  'src/datapath': ['src/frame', 'src/shared', 'src/switching', 'src/ports', 'native-bindings'],
  'src/capture': ['src/frame', 'src/shared', 'src/switching'],
  // What authors of logics import; it holds a switch in memory, so it may know the data path.
  'src/sdk': ['src/frame', 'src/shared', 'src/switching', 'src/ports', 'src/datapath'],
  'src/control': ['src/frame', 'src/shared', 'src/switching', 'src/ports', 'native-bindings'],
  'src/networks': ['src/control', 'native-bindings'],
  'src/api': ['src/control', 'src/networks'],
  'src/docker': ['src/control', 'src/networks', 'src/api'],
  'src/cli': ['src/control', 'src/networks', 'src/api', 'src/docker'],
  'src/demo': ['src/control'],
};
const OPEN_TO_ALL = ['src/limits.ts', 'src/program-file.ts', 'src/version.ts'];
/** These run without a kernel and without packages; a type-only import of a Node built-in, or of zod, is erased, so it may stay. */
const PURE = ['src/frame', 'src/shared', 'src/switching'];
const FFI_LIBRARIES = ['koffi', 'ffi-rs'];

interface Source {
  path: string;
  text: string;
  imports: { from: string; typeOnly: boolean }[];
}

const files = ['src', 'native-bindings', 'bench', 'examples', 'test'].flatMap(readFolder);
const sources = files.filter((file) => file.path.endsWith('.ts'));
const guarded = sources.filter((file) => folderOf(file.path) in MAY_IMPORT);

function readFolder(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !relative(ROOT, entry.parentPath).startsWith('bench/results'))
    .map((entry) => {
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      return { path: join(relative(ROOT, entry.parentPath), entry.name), text, imports: importsOf(text) };
    });
}

/** Every module that `text` names: `import … from`, `export … from`, `import '…'`, `import('…')` and `require('…')`. */
function importsOf(text: string): Source['imports'] {
  const code = text.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^'"`;()]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  const calls = code.matchAll(/(?:\bimport|\brequire|\bcreateRequire\([^()]*\))\(\s*['"]([^'"]+)['"]/g);
  return [
    ...Array.from(statements, ([, type, from]) => ({ from: from!, typeOnly: type !== undefined })),
    ...Array.from(calls, ([, from]) => ({ from: from!, typeOnly: false })),
  ];
}

/** `src/frame` of `src/frame/offload/tcp.ts`; `native-bindings` of anything in there. */
function folderOf(path: string): string {
  const [first, second] = path.split('/');
  return first === 'src' ? `${first}/${second}` : first!;
}

function targetOf(source: Source, from: string): string {
  return join(dirname(source.path), from);
}

/** `path imports what`, for each import of these files that `isWrong` finds wrong. */
function offences(
  of: Source[],
  isWrong: (source: Source, from: string, typeOnly: boolean) => boolean | undefined,
): string[] {
  return of.flatMap((source) =>
    source.imports
      .filter(({ from, typeOnly }) => isWrong(source, from, typeOnly))
      .map(({ from }) => `${source.path} imports ${from}`),
  );
}

test('the parser of this test sees every form of import', () => {
  const text = `import a from 'a';\nimport {\n  b,\n} from "b";\nimport type { c } from 'c';\nexport * from 'd';\nimport 'e';
    // import 'no';\n/* import 'no'; */ await import('f'); createRequire(import.meta.url)('g'); const x = \`import 'no'\`;`;
  expect(importsOf(text).map(({ from }) => from)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  expect(importsOf(text).filter(({ typeOnly }) => typeOnly)).toEqual([{ from: 'c', typeOnly: true }]);
});

test('every folder of src has a row in the table of who may import whom', () => {
  const folders = new Set(sources.map(({ path }) => folderOf(path)).filter((path) => path.startsWith('src/')));
  expect([...folders].filter((folder) => !(folder in MAY_IMPORT) && !OPEN_TO_ALL.includes(folder))).toEqual([]);
});

test('folders import only from the folders they may', () => {
  expect(
    offences(guarded, (source, from) => {
      if (!from.startsWith('.') || OPEN_TO_ALL.includes(targetOf(source, from))) return false;
      const [own, target] = [folderOf(source.path), folderOf(targetOf(source, from))];
      return target !== own && !MAY_IMPORT[own]?.includes(target);
    }),
  ).toEqual([]);
});

test('frame, shared and switching import nothing from outside but node:assert', () => {
  const pure = guarded.filter(({ path }) => PURE.includes(folderOf(path)));
  expect(
    offences(pure, (_, from, typeOnly) => {
      const isErased = typeOnly && (from.startsWith('node:') || from === 'zod');
      return !from.startsWith('.') && !from.startsWith('node:assert') && !isErased;
    }),
  ).toEqual([]);
});

test('what is open to all imports nothing of ours', () => {
  const open = sources.filter(({ path }) => OPEN_TO_ALL.includes(path));
  expect(offences(open, (_, from) => from.startsWith('.') && from.endsWith('.ts'))).toEqual([]);
});

test('only native-bindings names an FFI library', () => {
  const others = sources.filter(({ path }) => folderOf(path) !== 'native-bindings');
  expect(offences(others, (_, from) => FFI_LIBRARIES.includes(from))).toEqual([]);
});

test('nobody but the sandbox imports the data path: the pool starts it by file name', () => {
  const others = guarded.filter(({ path }) => !['src/datapath', 'src/sdk'].includes(folderOf(path)));
  expect(offences(others, (source, from) => targetOf(source, from).startsWith('src/datapath/'))).toEqual([]);
});

test('a relative import names its file, with its ending', () => {
  expect(offences(sources, (_, from) => from.startsWith('.') && !/\.(ts|json)$/.test(from))).toEqual([]);
});

test(`no file is longer than ${LINES_MAX} lines`, () => {
  const long = files.filter(({ text }) => text.split('\n').length > LINES_MAX + 1);
  expect(long.map(({ path, text }) => `${path}: ${text.split('\n').length} lines`)).toEqual([]);
});

test('no test is left out in silence: only context.skip(…, reason) prints why', () => {
  const silent = /\b(?:test|it|describe|suite)(?:\.\w+)*\.(?:only|skip|skipIf|runIf|todo)\b/;
  const tests = sources.filter(({ path }) => path.endsWith('.test.ts') && path !== 'test/tidy.test.ts');
  expect(tests.filter(({ text }) => silent.test(text)).map(({ path }) => path)).toEqual([]);
});
