/** completion: what makes a shell complete commands, flags, and the names of ports, VLANs and namespaces. */
import { Argument } from 'commander';
import type { Command } from 'commander';
import { Cli, examples, note } from '../cli.ts';
import { complete } from '../completion/complete.ts';
import { liveValues } from '../completion/live-values.ts';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';
import { printable } from '../output.ts';

export function addCompletionCommand(program: Command): void {
  const completion = program
    .command('completion')
    .description('print the script that makes a shell complete commands, flags and the names of what is there')
    .addArgument(new Argument('<shell>', 'for which shell').choices(SHELLS));
  completion.action((shell: Shell) => {
    process.stdout.write(SCRIPTS[shell]);
  });
  examples(completion, [
    'completion bash > /etc/bash_completion.d/tswitch',
    'completion zsh > /usr/local/share/zsh/site-functions/_tswitch',
    'completion fish > ~/.config/fish/completions/tswitch.fish',
  ]);
  note(
    completion,
    'For the running shell alone: `source <(tswitch completion bash)`, the same with zsh; `tswitch completion fish | source`.',
  );
  addAnswer(program);
}

/** What those scripts ask. */
function addAnswer(program: Command): void {
  const answer = program.command('__complete', { hidden: true }).argument('[words...]').helpOption(false);
  answer.action(async (words: string[]) => {
    const cli = new Cli(answer);
    const found = await complete(
      program,
      words,
      liveValues((ms) => cli.clientWithin(ms)),
    );
    if (found === 'files') return cli.print(':files');
    for (const { value, about } of found) cli.print(`${printable(value)}\t${printable(about)}`);
  });
}
