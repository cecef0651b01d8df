/**
 * The command line. Every command but `serve`, `bench` and `replay` is a client of the daemon's HTTP API and prints what it answers.
 * Exit codes: 0 done, 1 failed (one line on stderr), 2 wrong usage.
 */
import { Command, CommanderError } from 'commander';
import { TswitchError } from '../control/errors.ts';
import { VERSION } from '../version.ts';
import { addGlobalOptions } from './cli.ts';
import { addBenchCommand } from './commands/bench.ts';
import { addCaptureCommand } from './commands/capture.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConfigCommands } from './commands/config.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addDropsCommand } from './commands/drops.ts';
import { addEventCommand } from './commands/events.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addFdbCommands } from './commands/fdb.ts';
import { addLogicCommands } from './commands/logic.ts';
import { addNetworkCommands } from './commands/network.ts';
import { addNicCommands } from './commands/nic.ts';
import { addPlugCommands } from './commands/plug.ts';
import { addPortCommands } from './commands/port.ts';
import { addRecordCommand } from './commands/record.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addRunCommands } from './commands/run.ts';
import { addServeCommand } from './commands/serve.ts';
import { addStatsCommand } from './commands/stats.ts';
import { addTokenCommands } from './commands/token.ts';
import { addSwitchCommands, addVlanCommands } from './commands/switch.ts';
import { CliError, ProgramFailed, RefusedError, UsageError } from './errors.ts';
import { printable } from './output.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Every command with its flags; what runs none (completion, docs) reads it too. */
export function makeProgram(): Command {
  const program = new Command('tswitch')
    .description('A userspace Ethernet switch. `tswitch serve` runs it, the other commands talk to it.')
    .version(VERSION, '--version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'tswitch: ')) });
  addGlobalOptions(program);
  addServeCommand(program);
  addPlugCommands(program);
  addPortCommands(program);
  addNetworkCommands(program);
  addRunCommands(program);
  addNicCommands(program);
  addSwitchCommands(program);
  addVlanCommands(program);
  addFdbCommands(program);
  addConfigCommands(program);
  addLogicCommands(program);
  addStatsCommand(program);
  addDropsCommand(program);
  addExplainCommand(program);
  addDoctorCommand(program);
  addEventCommand(program);
  addCaptureCommand(program);
  addRecordCommand(program);
  addReplayCommand(program);
  addTokenCommands(program);
  addBenchCommand(program);
  addCompletionCommand(program);
  return program;
}

/** Runs the command that `argv` says and gives the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = makeProgram();
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof ProgramFailed) return error.exitCode;
    const { json } = program.opts<{ json?: boolean }>();
    if (json && error instanceof RefusedError) process.stdout.write(`${error.body}\n`);
    if (!(error instanceof CliError || error instanceof TswitchError)) throw error;
    process.stderr.write(`tswitch: ${error.message.split('\n').map(printable).join('\n')}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}
