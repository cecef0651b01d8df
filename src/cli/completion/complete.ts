/**
 * What can stand at the cursor of a command line. Everything comes from the program itself: its commands, flags and choices,
 * and, for values that it calls `<port>`, `<vid>` and so on, from what is there at the moment.
 */
import type { Argument, Command, Option } from 'commander';
import { findOption, type Line, readLine, splitFlag } from './line.ts';

export interface Candidate {
  value: string;
  /** What it is; may be empty. */
  about: string;
}

/** `files`: what can stand there are paths, which shells complete best by themselves. */
export type Completion = readonly Candidate[] | 'files';

/** Values by what the program calls them in its flags and arguments. Never rejects: who knows nothing gives none. */
export type LiveValues = Readonly<Record<string, (line: Line) => Promise<Candidate[]>>>;

const FILES = new Set(['file', 'path']);

/** @param words behind the program's name, the last one up to the cursor */
export async function complete(program: Command, words: readonly string[], live: LiveValues): Promise<Completion> {
  const line = readLine(program, words);
  const found = await candidatesAt(line, live);
  return found === 'files' ? found : found.filter(({ value }) => value.startsWith(line.word));
}

async function candidatesAt(line: Line, live: LiveValues): Promise<Completion> {
  const { command, valueOf, word } = line;
  if (valueOf && !line.isValueOptional) return valuesOf(valueOf, line, live);
  if (word.startsWith('-') && !line.onlyArguments) return flagCandidates(line, live);
  const values = valueOf ? await valuesOf(valueOf, line, live) : [];
  if (values === 'files') return values;
  const commands = line.mayBeCommand ? commandCandidates(command) : [];
  const taken = line.argument ? await valuesOf(line.argument, line, live) : [];
  if (taken === 'files') return taken;
  const found = [...values, ...commands, ...taken];
  // Where nothing else can be said, at least the flags can.
  return found.length === 0 && line.argument === null && word === '' ? flagsOf(line) : found;
}

async function flagCandidates(line: Line, live: LiveValues): Promise<Completion> {
  const [flag, value] = splitFlag(line.word);
  if (value === undefined) return flagsOf(line);
  const option = findOption(line.command, flag);
  const values = option ? await valuesOf(option, line, live) : [];
  // No shell completes the path behind the sign by itself.
  if (values === 'files') return [];
  return values.map((candidate) => ({ ...candidate, value: `${flag}=${candidate.value}` }));
}

function commandCandidates(command: Command): Candidate[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((candidate) => ({ value: candidate.name(), about: candidate.description() }));
}

/** Those that are not given yet, or have a value: some of these may be repeated. */
function flagsOf({ command, given }: Line): Candidate[] {
  const help = command.createHelp();
  const visible = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  return visible
    .filter((option) => !option.isBoolean() || !given.has(option.attributeName()))
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', about: description }));
}

async function valuesOf(of: Option | Argument, line: Line, live: LiveValues): Promise<Completion> {
  if (of.argChoices) return of.argChoices.map((value) => ({ value, about: '' }));
  const name = nameOf(of);
  if (FILES.has(name)) return 'files';
  if (name.includes('|')) return name.split('|').map((value) => ({ value, about: '' }));
  return (await live[name]?.(line)) ?? [];
}

/** `vid` of `--vlan <vid>`, `event` of `--name <event...>`, `true|false` of `--isolated [true|false]`. */
function nameOf(of: Option | Argument): string {
  const text = 'flags' in of ? (/[<[](.*)[>\]]/.exec(of.flags)?.[1] ?? '') : of.name();
  return text.replace(/[,.]+$/, '');
}
