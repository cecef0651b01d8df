/** logic new, check, load, ls, show, set, diff, promote, rollback and unload: switching logic of one's own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { LogicDiffView, LogicView } from '../../control/logic/model.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, UsageError } from '../errors.ts';
import { canHaveTypes, checkTypes } from '../logic-check.ts';
import { logicTemplate, testTemplate } from '../logic-template.ts';
import { diffText, logicTable, logicText } from '../logic-view.ts';
import { parseParam } from '../param.ts';
import { parseList, parseVidList } from '../values.ts';
import { addLogicCheck } from './logic-check.ts';
import { watchFile } from './logic-watch.ts';

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

interface LoadOptions {
  ports?: string[];
  vlans?: number[];
  shadow?: boolean;
  param?: Record<string, unknown>;
  watch?: boolean;
  types: boolean;
}

export function addLogicCommands(program: Command): void {
  const group = program.command('logic').description('switching logic of your own: try it in shadow, swap it live');
  addNew(group);
  addLogicCheck(group);
  addLoad(group);
  addShow(group);
  addSet(group);
  addSteps(group);
}

function addNew(group: Command): void {
  const make = group
    .command('new')
    .description('write a commented logic and its test, to begin with')
    .argument('<name>', 'its name: a-z 0-9 and -')
    .option('--dir <folder>', 'where; made if it is missing', '.');
  make.action((name: string, { dir }: { dir: string }) => {
    const cli = new Cli(make);
    if (!NAME.test(name)) throw new UsageError('a logic is named by 1 to 32 of a-z 0-9 -, a letter first');
    if (name === 'learning') throw new UsageError('learning is the built-in logic: choose another name');
    const files = [join(dir, `${name}.ts`), join(dir, `${name}.test.ts`)] as const;
    for (const file of files) if (existsSync(file)) throw new CliError(`${file} exists already: give another name`);
    mkdirSync(dir, { recursive: true });
    writeFileSync(files[0], logicTemplate(name));
    writeFileSync(files[1], testTemplate(name));
    cli.print(`wrote ${files.join(' and ')}; next: tswitch logic check ${files[0]}`);
  });
  examples(make, ['logic new my-filter', 'logic new my-filter --dir logics']);
}

function addLoad(group: Command): void {
  const load = group
    .command('load')
    .description('check a file and have it decide, from the next batch on; one of its name is kept for `rollback`')
    .argument('<file>', 'a .ts or .js file')
    .option('--ports <port,...>', 'only for frames that enter by these ports', parseList)
    .option('--vlan, --vlans <list>', 'only for frames of these VLANs, like 10,20-30', parseVidList)
    .option('--shadow', 'only compare what it would do with what is done: see `tswitch logic diff`')
    .option('--param <name=value>', 'a parameter, its value as JSON or text; may be repeated', parseParam)
    .option('--watch', 'load it again whenever the file is saved, until Ctrl-C')
    .option('--no-types', 'do not have TypeScript check it first');
  load.action(async (file: string, options: LoadOptions) => {
    const cli = new Cli(load);
    const once = (): Promise<void> => loadFile(cli, resolve(file), options);
    if (!options.watch) return once();
    await watchFile(file, once);
  });
  examples(load, [
    'logic load mac-allow-list.ts --shadow',
    'logic load mac-allow-list.ts --ports red,blue --param allow=\'["02:00:00:00:00:01"]\'',
    'logic load my-filter.ts --shadow --watch',
  ]);
}

async function loadFile(cli: Cli, file: string, options: LoadOptions): Promise<void> {
  const { ports, vlans, shadow, param } = options;
  if (options.types && canHaveTypes(file)) {
    const { holds, text } = await checkTypes(file);
    if (holds === false) throw new CliError(`${file} is not loaded: its types are wrong\n${text}`);
    if (holds === null) process.stderr.write(`tswitch: types ${text}\n`);
  }
  const body = { file, ports, vlans, shadow, params: param };
  cli.show(await cli.client.send<LogicView>('POST', '/v1/logic', body), (view) =>
    shadow
      ? `${view.name} is in shadow: nothing changes; see \`tswitch logic diff ${view.name}\``
      : `${view.name} is live`,
  );
}

function addShow(group: Command): void {
  const ls = group.command('ls').description('list the loaded logics, in the order they are asked');
  ls.action(async () => {
    const cli = new Cli(ls);
    const answer = await cli.client.get<{ logics: LogicView[] }>('/v1/logic');
    cli.show(answer, ({ logics }) => logicTable(cli, logics));
  });
  examples(ls, ['logic ls']);
  const show = group
    .command('show')
    .description('show a logic: parameters, its own counters and drop reasons, what went wrong')
    .argument('<logic>');
  show.action(async (name: string) => {
    const cli = new Cli(show);
    cli.show(await cli.client.get<LogicView>(pathOf(name)), (view) => logicText(cli, view));
  });
  examples(show, ['logic show mac-allow-list']);
  const diff = group
    .command('diff')
    .description('show where the version in shadow would have done otherwise, with some of the frames')
    .argument('<logic>');
  diff.action(async (name: string) => {
    const cli = new Cli(diff);
    cli.show(await cli.client.get<LogicDiffView>(`${pathOf(name)}/diff`), diffText);
  });
  examples(diff, ['logic diff mac-allow-list', 'logic diff mac-allow-list --json']);
}

function addSet(group: Command): void {
  const set = group
    .command('set')
    .description('change parameters, ports or VLANs of a logic that runs')
    .argument('<logic>')
    .argument('[name=value...]', 'parameters, each value as JSON or text')
    .option('--ports <port,...>', 'only for frames that enter by these ports; none: all', parseList)
    .option('--vlan, --vlans <list>', 'only for frames of these VLANs; all: every one', parseVidList)
    .option('--shadow', 'the version in shadow, where there is a live one too');
  set.action(async (name: string, assignments: string[], { ports, vlans, shadow }: LoadOptions) => {
    const cli = new Cli(set);
    const params = paramsOf(assignments);
    if (!params && !ports && !vlans) throw new UsageError('say what to set; see `tswitch logic set --help`');
    const answer = await cli.client.send<LogicView>('PATCH', pathOf(name), { params, ports, vlans, shadow });
    cli.show(answer, (view) => logicText(cli, view));
  });
  examples(set, ['logic set policer kilobytesPerSecond=500', 'logic set hub --vlans 10,20']);
}

function addSteps(group: Command): void {
  const promote = group
    .command('promote')
    .description('make the version in shadow live, in all workers between two batches')
    .argument('<logic>');
  promote.action(async (name: string) => {
    const cli = new Cli(promote);
    cli.show(await cli.client.send<LogicView>('POST', `${pathOf(name)}/promote`), () => `${name} is live`);
  });
  examples(promote, ['logic promote mac-allow-list']);
  const rollback = group
    .command('rollback')
    .description('make the version before the live one live again')
    .argument('<logic>');
  rollback.action(async (name: string) => {
    const cli = new Cli(rollback);
    const answer = await cli.client.send<LogicView>('POST', `${pathOf(name)}/rollback`);
    cli.show(answer, ({ live }) => `${name} is the version loaded ${live?.loadedAt ?? ''} again`);
  });
  examples(rollback, ['logic rollback mac-allow-list']);
  const unload = group
    .command('unload')
    .description('ask a logic no more; the built-in one decides its frames')
    .argument('<logic>')
    .option('--shadow', 'only the version in shadow');
  unload.action(async (name: string, { shadow }: LoadOptions) => {
    const cli = new Cli(unload);
    await cli.client.send('DELETE', `${pathOf(name)}${shadow ? '?shadow=true' : ''}`);
    if (!cli.json) cli.print(`${name}${shadow ? ' in shadow' : ''} is unloaded`);
  });
  examples(unload, ['logic unload mac-allow-list']);
}

function pathOf(name: string): string {
  if (!NAME.test(name)) throw new UsageError(`${JSON.stringify(name)} is no name of a logic; see \`tswitch logic ls\``);
  return `/v1/logic/${name}`;
}

/** @throws UsageError where one is no assignment */
function paramsOf(assignments: readonly string[]): Record<string, unknown> | undefined {
  try {
    return assignments.reduce<Record<string, unknown> | undefined>((all, text) => parseParam(text, all), undefined);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
