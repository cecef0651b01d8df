/** The command line as one Markdown page: docs/cli.md, written by `npm run docs` from the program itself. */
import type { Argument, Command, Option } from 'commander';
import { examplesOf, notesOf } from './cli.ts';

const INTRODUCTION = `
Made by \`npm run docs\` from the program: \`tswitch COMMAND --help\` says the same.

\`--json\` prints the body of the matching route of the [HTTP API](api.md) unchanged, one document; what goes on (\`events\`,
\`--watch\`) prints one document per line. Exit codes: 0 done; 1 failed, with one line on standard error that says what, and what
to do; 2 wrong usage. Colour is for terminals only, and never with \`NO_COLOR\`. [Operations](operations.md) says how to have the
shell complete all this.`;

export function renderCliMarkdown(program: Command): string {
  const commands = leavesOf(program);
  const index = commands.map((command) => {
    const name = nameOf(command);
    return `- [\`${name}\`](#${name.replaceAll(' ', '-')}): ${escaped(command.description())}`;
  });
  const parts = [
    '# The command line',
    INTRODUCTION.trim(),
    index.join('\n'),
    '## Options of every command',
    table(['Option', 'Meaning'], optionRows(program)),
    ...commands.flatMap(renderCommand),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Commands that do something, in the order of the program. */
function leavesOf(command: Command): Command[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible
    .filter(({ parent }) => parent === command)
    .flatMap((child) => (isLeaf(child) ? [child] : leavesOf(child)));
}

function isLeaf(command: Command): boolean {
  return command.commands.length === 0;
}

function renderCommand(command: Command): string[] {
  const args = command.registeredArguments.map((argument) => [`\`${argument.name()}\``, argumentMeaning(argument)]);
  const groups = Map.groupBy(command.createHelp().visibleOptions(command), (option) => option.helpGroupHeading ?? '');
  groups.set(
    '',
    (groups.get('') ?? []).filter((option) => option.long !== '--help'),
  );
  const examples = examplesOf(command).map((line) => `tswitch ${line}`);
  return [
    `## ${nameOf(command)}`,
    `${escaped(sentence(command.description()))}`,
    `    tswitch ${nameOf(command)} ${command.usage()}`,
    ...(args.some(([, meaning]) => meaning !== '') ? [table(['Argument', 'Meaning'], args)] : []),
    ...[...groups].flatMap(([heading, options]) => renderOptions(heading, options)),
    ...notesOf(command).map(escaped),
    ...(examples.length > 0 ? [`Examples:\n\n${examples.map((line) => `    ${line}`).join('\n')}`] : []),
  ];
}

function renderOptions(heading: string, options: readonly Option[]): string[] {
  if (options.length === 0) return [];
  const rows = options.map((option) => [`\`${option.flags}\``, optionMeaning(option)]);
  return [...(heading === '' ? [] : [heading]), table(['Option', 'Meaning'], rows)];
}

function optionRows(command: Command): string[][] {
  return command.options.map((option) => [`\`${option.flags}\``, optionMeaning(option)]);
}

function optionMeaning(option: Option): string {
  const { argChoices, defaultValueDescription, envVar, mandatory, negate } = option;
  const defaultValue: unknown = option.defaultValue;
  const more = [
    mandatory ? 'must be given' : '',
    argChoices ? `one of ${argChoices.map((choice) => `\`${choice}\``).join(', ')}` : '',
    defaultValue === undefined || negate ? '' : `default: ${defaultValueDescription ?? code(defaultValue)}`,
    envVar === undefined ? '' : `environment: \`${envVar}\``,
  ].filter((text) => text !== '');
  return [escaped(option.description), ...more].join('; ');
}

function argumentMeaning({ argChoices, description }: Argument): string {
  const choices = argChoices ? [`one of ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`] : [];
  return [...(description ? [escaped(description)] : []), ...choices].join('; ');
}

/** `port add` of the command `add` below `port`. */
function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** What Markdown would read as something else, outside of code. */
function escaped(text: string): string {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 0 ? part.replace(/[<>*_[\]]/g, '\\$&') : part))
    .join('`');
}
