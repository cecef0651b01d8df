/** logic check: types, contract, speed and test of a file, without a daemon and without root. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CheckedLogic } from '../../control/logic/checker.ts';
import { TswitchError } from '../../control/errors.ts';
import { Cli, examples } from '../cli.ts';
import { ProgramFailed } from '../errors.ts';
import { type CheckResult, canHaveTypes, checkTypes, runTest } from '../logic-check.ts';
import { printable } from '../output.ts';
import { parseParam } from '../param.ts';

interface CheckOptions {
  param?: Record<string, unknown>;
}

export function addLogicCheck(group: Command): void {
  const check = group
    .command('check')
    .description('check a file: its types, the contract, its own test, and how fast it is; needs no daemon')
    .argument('<file>', 'a .ts or .js file')
    .option('--param <name=value>', 'a parameter, its value as JSON or text; may be repeated', parseParam);
  check.action(async (file: string, { param = {} }: CheckOptions) => {
    const cli = new Cli(check);
    const path = resolve(file);
    const types = canHaveTypes(path)
      ? await checkTypes(path)
      : { holds: null, text: 'not checked: it cannot be loaded' };
    const checked = await contractOf(path, param);
    const test = await runTest(path);
    const rules = 'error' in checked ? [] : checked.rules;
    const isRight = !('error' in checked) && [types, test, ...rules].every(({ holds }) => holds !== false);
    cli.print(cli.json ? JSON.stringify({ file: path, types, ...checked, test }) : render(types, checked, test));
    if (!isRight) throw new ProgramFailed(1);
  });
  examples(check, ['logic check my-filter.ts', 'logic check policer.ts --param kilobytesPerSecond=100']);
}

/** Loaded late: the other commands need none of it. */
async function contractOf(file: string, params: object): Promise<CheckedLogic | { error: string }> {
  const [{ checkLogic }, { Staging }] = await Promise.all([
    import('../../control/logic/checker.ts'),
    import('../../control/logic/staging.ts'),
  ]);
  const staging = new Staging();
  try {
    const { module } = await staging.copy(file, 0);
    return await checkLogic({ module, file, params, isWhole: true, isTimed: true });
  } catch (error) {
    if (!(error instanceof TswitchError)) throw error;
    const stack = (error.details as { stack?: string | null } | undefined)?.stack;
    return { error: [error.message, ...(stack?.split('\n').slice(1, 6) ?? [])].join('\n') };
  } finally {
    await staging.close();
  }
}

function render(types: CheckResult, checked: CheckedLogic | { error: string }, test: CheckResult): string {
  const lines = [line(types.holds, 'types', types.text)];
  if ('error' in checked) lines.push(line(false, 'loads', checked.error));
  else {
    const { shape, rules, speed } = checked;
    lines.push(line(true, 'loads', `${shape.name}: ${shape.description}`));
    for (const { rule, holds, text } of rules) lines.push(line(holds, rule, text));
    if (speed) {
      const added = Math.max(0, Math.round(speed.nsPerFrame - speed.builtInNsPerFrame));
      const heap =
        speed.heapBytesPerFrame === 0
          ? 'nothing'
          : `${speed.heapBytesPerFrame} byte${speed.heapBytesPerFrame === 1 ? '' : 's'}`;
      lines.push(line(null, 'speed', `adds ${added} ns to a frame here, and allocates ${heap} for it`));
    }
  }
  return [...lines, line(test.holds, 'test', test.text)].join('\n');
}

function line(holds: boolean | null, what: string, text: string): string {
  const mark = holds === null ? '-' : holds ? 'ok' : 'NOT';
  return text
    .split('\n')
    .map((each, k) => printable(k === 0 ? `${mark.padEnd(4)} ${what}: ${each}` : `     ${each}`))
    .join('\n');
}
