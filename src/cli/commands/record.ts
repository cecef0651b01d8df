/** record: the exact inputs of the switch, for `replay`. */
import type { Command } from 'commander';
import type { RecordingView } from '../../control/model.ts';
import { RECORDING_LIMITS } from '../../control/recording/recording-bounds.ts';
import { addBoundOptions, BOUND_ENDS, type BoundOptions, bounds } from '../bound-options.ts';
import { Cli, examples, note } from '../cli.ts';
import { CliError, NoDaemonError, UsageError } from '../errors.ts';
import { writeStream } from '../write-stream.ts';

export function addRecordCommand(program: Command): void {
  const record = program
    .command('record')
    .description(
      'record the exact inputs of the switch until Ctrl-C, the count, the time or the size: whole frames, times and configuration, to be replayed bit for bit',
    )
    .argument('<file>', 'where to: a file, or - for standard output');
  const size = "which are in the daemon's memory until then, like 256M (default: 64M)";
  addBoundOptions(record, RECORDING_LIMITS, size);
  record.action(async (file: string, options: BoundOptions) => run(new Cli(record), file, options));
  note(
    record,
    'The file holds the frames of all ports, whole, and the code of the loaded logics. Wireshark opens it as a capture of what entered. Loaded logics begin anew when a recording does, as they do when a port comes.',
  );
  examples(record, ['record lan.pcapng --seconds 10', 'record lan.pcapng --max-size 1G --count 1000000']);
}

async function run(cli: Cli, write: string, options: BoundOptions): Promise<void> {
  if (write === '-' && process.stdout.isTTY) {
    throw new UsageError('a recording is nothing for a terminal: give the name of a file');
  }
  const { body } = await cli.client.send<RecordingView>('POST', '/v1/recordings', bounds(options));
  const path = `/v1/recordings/${body.id}`;
  await writeStream(cli.client, path, write);
  const ended = await cli.client.get<RecordingView>(path).catch((error: unknown) => {
    if (!(error instanceof NoDaemonError)) throw error;
    const where = write === '-' ? 'was written' : `is in ${write}`;
    throw new CliError(`the daemon ended, and the recording with it; what was recorded until then ${where}`);
  });
  process.stderr.write(`${summary(ended.body, write)}\n`);
  if (cli.json && write !== '-') cli.print(ended.text);
}

function summary({ frames, bytes, workers, reason }: RecordingView, write: string): string {
  const where = write === '-' ? '' : ` into ${write}`;
  const why = reason === null || reason === 'stopped' ? '' : ` (${ENDS[reason]})`;
  const exact = workers === 1 ? '' : `, each of ${workers} workers by itself`;
  return `tswitch: ${frames} frames recorded${where}, ${bytes} bytes${exact}${why}`;
}

const ENDS = { ...BOUND_ENDS, worker: 'a worker was replaced' } as const;
