/**
 * docs/logic-api.md as it is made from the types: the declarations that the compiler makes of `tswitch/logic` and
 * `tswitch/sandbox`, with the sentences that stand beside them in the code.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { parseAst } from 'rolldown/parseAst';

const ROOT = join(import.meta.dirname, '../..');
export const LOGIC_API_PAGE = join(ROOT, 'docs/logic-api.md');
const MODULES = { 'tswitch/logic': 'src/sdk/logic', 'tswitch/sandbox': 'src/sdk/sandbox' };
const HEAD = `# API of logics

What a file with switching logic imports from \`tswitch/logic\`, and its test from \`tswitch/sandbox\`. [logic.md](logic.md) says what
to do with it. Made from the code by \`npm run docs\`.
`;

type Program = ReturnType<typeof parseAst>;
type ExportNamedDeclaration = Extract<Program['body'][number], { type: 'ExportNamedDeclaration' }>;

/** A file of declarations, as text and as what it says. */
interface Declarations {
  text: string;
  body: Program['body'];
  folder: string;
}

export async function logicApiPage(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-declarations-'));
  try {
    declare(folder);
    const parts = Object.entries(MODULES).map(([name, path]) => modulePart(name, join(folder, `${path}.d.ts`)));
    const options = await resolveConfig(LOGIC_API_PAGE);
    return await format([HEAD, ...parts].join('\n'), { ...options, parser: 'markdown' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Has the compiler write the declarations, and nothing else. */
function declare(folder: string): void {
  const project = join(folder, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    outDir: folder,
    rootDir: ROOT,
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  const files = Object.values(MODULES).map((path) => join(ROOT, `${path}.ts`));
  writeFileSync(project, JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, files, include: [] }));
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  execFileSync(process.execPath, [compiler, '--project', project], { cwd: ROOT });
}

function modulePart(name: string, file: string): string {
  const module = read(file);
  const parts = module.body.flatMap((statement) => {
    if (statement.type === 'ExportNamedDeclaration' && statement.source) return exportParts(module, statement);
    if (statement.type !== 'ExportAllDeclaration' || statement.exported?.type !== 'Identifier') return [];
    const { body, ...rest } = read(fileOf(module, statement.source.value));
    const declarations = body.map((each) => codeOf({ body, ...rest }, each.start, each.end));
    return [
      heading(statement.exported.name),
      block(declarations.filter((code) => code.startsWith('export')).join('\n')),
    ];
  });
  return [`## ${name}\n`, ...parts].join('\n');
}

/** One for each name that the statement exports. */
function exportParts(module: Declarations, { start, source, specifiers }: ExportNamedDeclaration): string[] {
  const target = read(fileOf(module, source!.value));
  const parts = specifiers.flatMap(({ local, exported }) => {
    if (local.type !== 'Identifier' || exported.type !== 'Identifier') return [];
    if (local.name !== exported.name) return [heading(exported.name), `Another name of \`${local.name}\`.\n`];
    const { file, statement } = declarationOf(target, local.name);
    return [
      heading(local.name),
      docOf(file.text, statement.start),
      block(codeOf(file, statement.start, statement.end)),
    ];
  });
  return [docOf(module.text, start), ...parts];
}

/** The statement that declares the name, wherever the file has it from, and the file that it stands in. */
function declarationOf(file: Declarations, name: string): { file: Declarations; statement: ExportNamedDeclaration } {
  for (const statement of file.body) {
    if (statement.type !== 'ExportNamedDeclaration') continue;
    const { source, specifiers } = statement;
    if (source && specifiers.some(({ exported }) => exported.type === 'Identifier' && exported.name === name)) {
      return declarationOf(read(fileOf(file, source.value)), name);
    }
    if (namesOf(statement).includes(name)) return { file, statement };
  }
  throw new Error(`nothing of the name ${name} is declared`);
}

function namesOf({ declaration }: ExportNamedDeclaration): string[] {
  if (!declaration) return [];
  const ids =
    declaration.type === 'VariableDeclaration' ? declaration.declarations.map(({ id }) => id) : [idOf(declaration)];
  return ids.flatMap((id) => (id?.type === 'Identifier' ? [id.name] : []));
}

function idOf(declaration: NonNullable<ExportNamedDeclaration['declaration']>) {
  return 'id' in declaration ? declaration.id : null;
}

function read(file: string): Declarations {
  const text = readFileSync(file, 'utf8');
  return { text, body: parseAst(text, { lang: 'dts' }, file).body, folder: dirname(file) };
}

function fileOf({ folder }: Declarations, from: string): string {
  return join(folder, from.replace(/\.[jt]s$/, '.d.ts'));
}

/** What stands in front of the declaration, as a paragraph. */
function docOf(text: string, start: number): string {
  const [, comment = ''] = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(text.slice(0, start)) ?? [];
  return comment.replaceAll(/^\s*\* ?/gm, '').trim() + '\n';
}

/** Without what is nobody's business outside. */
function codeOf({ text }: Declarations, start: number, end: number): string {
  return text.slice(start, end).replaceAll(/^\s*#private;\n/gm, '');
}

function heading(name: string): string {
  return `### ${name}\n`;
}

function block(code: string): string {
  return `\`\`\`ts\n${code.replaceAll(/^export (declare )?/gm, '')}\n\`\`\`\n`;
}
