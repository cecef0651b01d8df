/** Configuration files: YAML 1.2, of which JSON is a part; what is wrong with one is told with line and column. */
import { readFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, stringify } from 'yaml';
import { LIMIT_FIELDS } from '../control/rate-limits.ts';
import { CliError } from './errors.ts';
import { printable } from './output.ts';

/** Aliases of a file may not make it much larger than it is. */
const ALIASES_MAX = 100;
/** Fields whose values are texts, though they may look like numbers. */
const TEXTS = new Set(['name', 'netdev', 'netns', 'ifname', 'mac', 'addresses', 'gateway', 'port', ...LIMIT_FIELDS]);

export interface ConfigFile {
  document: object;
  /** `FILE:LINE:COLUMN` of what a JSON pointer leads to, or of the nearest thing around it. */
  placeOf: (path: string) => string;
  /** What is the matter, where the file's format and not its meaning is the reason; else ''. */
  hintFor: (path: string) => string;
}

/** @param file `-` is standard input @throws CliError */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return file === '-' ? await readText(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read the configuration: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * @param name of the file, for messages
 * @throws CliError with every place where the text is no YAML
 */
export function parseConfigFile(text: string, name: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // TPIDs are written 0x88a8, and that is what they are to be.
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.format !== 'HEX'),
  });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new CliError(document.errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`).join('\n'));
  }
  const value: unknown = toValue(document, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CliError(`${name}: must be a document with \`ports\`; \`tswitch export\` prints one`);
  }
  return {
    document: value,
    placeOf: (path) => at(nodeAt(document, path)?.range?.[0] ?? 0),
    hintFor: (path) => (isText(path) ? hintOf(nodeAt(document, path, true)) : ''),
  };
}

/** What was found wrong with the document, line by line with its place in the file. */
export function problemLines(problems: readonly { path: string; message: string }[], config: ConfigFile): string {
  const lines = problems.map(
    ({ path, message }) => `${config.placeOf(path)}: ${printable(path)} ${printable(message)}${config.hintFor(path)}`,
  );
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [`${count}; nothing is changed`, ...lines].join('\n');
}

/** A document as `parseConfigFile` reads it. */
export function formatConfigFile(document: object): string {
  return stringify(document, { lineWidth: 0, flowCollectionPadding: false });
}

function toValue(document: Document.Parsed, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    throw new CliError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The deepest node on the way that the pointer says; with `exact` null unless it is the whole way. */
function nodeAt(document: Document.Parsed, path: string, exact = false): Node | null {
  let node: Node | null = document.contents;
  const steps = path.split('/').slice(1);
  for (const step of steps) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    const next: unknown = isMap(node) ? node.get(name, true) : isSeq(node) ? node.get(Number(name), true) : undefined;
    if (!isScalar(next) && !isMap(next) && !isSeq(next)) return exact ? null : node;
    node = next;
  }
  return node;
}

/** Whether a text belongs there, as a field or as an item of one. */
function isText(path: string): boolean {
  const field = path.split('/').findLast((step) => !/^[0-9]+$/.test(step));
  return field !== undefined && TEXTS.has(field);
}

function hintOf(node: Node | null): string {
  if (!isScalar(node) || node.type !== 'PLAIN' || typeof node.value === 'string') return '';
  return ` (if "${node.source ?? String(node.value)}" is meant as text, put it in quotes)`;
}
