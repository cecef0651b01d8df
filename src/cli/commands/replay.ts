/** replay: runs a recording again, without daemon and root, and says whether the same becomes of every frame. */
import type { Command } from 'commander';
import { Cli, examples, note } from '../cli.ts';
import { ProgramFailed, UsageError } from '../errors.ts';
import { parseParam } from '../param.ts';
import { renderReplay } from '../replay-view.ts';
import { wholeNumber } from '../values.ts';

const TIMEOUT_SECONDS_MAX = 86_400;

interface ReplayOptions {
  logic?: string;
  against?: string;
  param?: Record<string, unknown>;
  timeout?: number;
}

export function addReplayCommand(program: Command): void {
  const replay = program
    .command('replay')
    .description(
      'run a recording again, bit for bit, and find the first frame of which something else becomes; needs no daemon and no root; exit code 1 if there is one, or nothing to replay',
    )
    .argument('<file>', 'what `tswitch record` wrote')
    .option('--logic <file>', 'with this logic instead of the recorded one of its name, or of all if none has it')
    .option('--against <file>', 'compare that logic with another one, in place of what was recorded')
    .option('--param <name=value>', 'a parameter for both, its value as JSON or text; may be repeated', parseParam)
    .option(
      '--timeout <seconds>',
      'give up when a logic takes longer than that for one batch (default: 30)',
      wholeNumber(1, TIMEOUT_SECONDS_MAX),
    );
  replay.action(async (file: string, { logic, against, param, timeout }: ReplayOptions) => {
    const cli = new Cli(replay);
    if (against !== undefined && logic === undefined) {
      throw new UsageError('--against compares two logics: give the first one with --logic');
    }
    if (param !== undefined && logic === undefined) throw new UsageError('--param is for --logic: give one');
    // Loaded late: the other commands need none of it.
    const { replay: run } = await import('../../control/replay/replayer.ts');
    const view = await run({
      file,
      ...(logic === undefined ? {} : { logic }),
      ...(against === undefined ? {} : { against }),
      ...(param === undefined ? {} : { params: param }),
      ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
    });
    cli.print(cli.json ? JSON.stringify(view) : renderReplay(cli, view));
    if (!view.isSame) throw new ProgramFailed(1);
  });
  note(
    replay,
    'A recording holds the code of the logics that were loaded, and a replay runs it: replay only what you trust.',
  );
  examples(replay, [
    'replay lan.pcapng',
    'replay lan.pcapng --logic my-filter.ts',
    'replay lan.pcapng --logic v1.ts --against v2.ts --param limit=100',
  ]);
}
