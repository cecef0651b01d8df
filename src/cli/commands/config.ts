/** apply, confirm and export: the whole configuration as one file. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { Cli, examples } from '../cli.ts';
import { field } from '../client.ts';
import { type ConfigFile, formatConfigFile, parseConfigFile, problemLines, readConfigFile } from '../config-file.ts';
import { RefusedError } from '../errors.ts';

const CONFIRM_SECONDS_MAX = 86_400;
const SECONDS = { s: 1, m: 60, h: 3600 } as const;
/** Addresses given or removed that are listed one by one. */
const ENTRIES_LISTED_MAX = 20;

interface Action {
  do: string;
  text: string;
  cutsOff: string | null;
}

interface Applied {
  dryRun: boolean;
  actions: Action[];
  confirmUntil: string | null;
}

interface ApplyOptions {
  dryRun?: boolean;
  confirmWithin?: number;
}

export function addConfigCommands(program: Command): void {
  addApply(program);
  const confirm = program.command('confirm').description('keep what `apply --confirm-within` has applied');
  confirm.action(async () => {
    const cli = new Cli(confirm);
    cli.show(await cli.client.send('POST', '/v1/config/confirm'), () => 'confirmed: the configuration stays');
  });
  examples(confirm, ['confirm']);
  const dump = program
    .command('export')
    .description('print the whole configuration as YAML that `apply` takes; with --json as JSON');
  dump.action(async () => {
    const cli = new Cli(dump);
    cli.show(await cli.client.get<object>('/v1/config'), (document) => formatConfigFile(document).trimEnd());
  });
  examples(dump, ['export > lan.yaml', 'export --json']);
}

function addApply(program: Command): void {
  const apply = program
    .command('apply <file>')
    .description(
      'bring the switch to a configuration file (YAML or JSON; - is standard input), as a whole or not at all',
    )
    .option('--dry-run', 'only show what would be done, and what it would cut off')
    .option(
      '--confirm-within <time>',
      'take it back after this time, like 60s, 5m or 1h, unless `confirm` comes',
      parseTime,
    );
  apply.action(async (file: string, { dryRun, confirmWithin }: ApplyOptions) => {
    const cli = new Cli(apply);
    const name = file === '-' ? 'standard input' : file;
    const config = parseConfigFile(await readConfigFile(file), name);
    const query = new URLSearchParams();
    if (dryRun) query.set('dryRun', 'true');
    if (confirmWithin !== undefined) query.set('confirmWithin', String(confirmWithin));
    const path = query.size > 0 ? `/v1/config?${query.toString()}` : '/v1/config';
    try {
      const answer = await cli.client.send<Applied>('PUT', path, config.document);
      cli.show(answer, (applied) => describe(applied, name));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      throw new RefusedError(error.code, inFile(error, config), error.body);
    }
  });
  examples(apply, ['apply lan.yaml --dry-run', 'apply lan.yaml --confirm-within 60s', 'export | tswitch apply -']);
}

function describe({ dryRun, actions, confirmUntil }: Applied, name: string): string {
  if (actions.length === 0) return `nothing to do: the switch is as ${name} says`;
  const lines = listed(actions).flatMap(({ text, cutsOff }) =>
    cutsOff === null ? [`  ${text}`] : [`  ${text}`, `      cuts off: ${cutsOff}`],
  );
  const count = actions.length === 1 ? '1 action' : `${actions.length} actions`;
  const head = dryRun ? `${count} to do; nothing is changed yet:` : `${count} done:`;
  const tail = confirmUntil === null ? [] : [`\`tswitch confirm\` keeps it; else it is taken back at ${confirmUntil}`];
  return [head, ...lines, ...tail].join('\n');
}

/** Of many addresses the first, and how many more there are. */
function listed(actions: readonly Action[]): Pick<Action, 'text' | 'cutsOff'>[] {
  let entries = 0;
  const shown = actions.filter((action) => !action.do.endsWith('-entry') || ++entries <= ENTRIES_LISTED_MAX);
  const hidden = actions.length - shown.length;
  return hidden > 0 ? [...shown, { text: `and ${hidden} more addresses; --json shows all`, cutsOff: null }] : shown;
}

/** What the daemon found wrong, line by line with its place in the file. */
function inFile(error: RefusedError, config: ConfigFile): string {
  const problems = problemsOf(error.body);
  return problems.length === 0 ? error.message : problemLines(problems, config);
}

function problemsOf(body: string): { path: string; message: string }[] {
  const parsed: unknown = JSON.parse(body);
  const details = field(field(parsed, 'error'), 'details');
  return Array.isArray(details) ? details.filter(isProblem) : [];
}

function isProblem(value: unknown): value is { path: string; message: string } {
  return typeof value === 'object' && value !== null && 'path' in value && 'message' in value;
}

function parseTime(text: string): number {
  const [, digits = '', unit = 's'] = /^([0-9]{1,6})([smh])?$/.exec(text) ?? [];
  const seconds = Number(digits) * (SECONDS[unit as keyof typeof SECONDS] ?? 1);
  if (digits === '' || seconds < 1 || seconds > CONFIRM_SECONDS_MAX) {
    throw new InvalidArgumentError('Give a time from 1s to 24h, like 60s, 5m or 1h.');
  }
  return seconds;
}
