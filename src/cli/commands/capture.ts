/** capture: frames of the switch as pcapng, into a file or to whoever reads standard output. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { CAPTURE_LIMITS, SNAPLEN_DEFAULT, SNAPLEN_MAX, SNAPLEN_MIN } from '../../control/capture/capture-request.ts';
import { MIRROR_DIRECTIONS } from '../../control/model.ts';
import type { Bounds, CaptureRequest, CaptureView } from '../../control/model.ts';
import { addBoundOptions, BOUND_ENDS, type BoundOptions, bounds } from '../bound-options.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, NoDaemonError, ProgramFailed, UsageError } from '../errors.ts';
import { writeStream } from '../write-stream.ts';
import { parseVidList, wholeNumber } from '../values.ts';

interface CaptureOptions extends Omit<CaptureRequest, 'ports' | 'vlans' | keyof Bounds>, BoundOptions {
  port?: string[];
  vlan?: number[];
  write?: string;
}

export function addCaptureCommand(program: Command): void {
  const capture = program
    .command('capture')
    .description(
      'capture frames as pcapng until Ctrl-C, the count, the time or the size; traffic never waits for it, and what it misses is told at the end',
    )
    .option('-w, --write <file>', 'where to: a file, or - for standard output')
    .option('--port <port...>', 'only at these ports (default: all)')
    .option('--vlan <list>', 'only frames of these VLANs, like 10,20-30', parseVidList)
    .addOption(new Option('--direction <which>', 'only what enters, or leaves').choices(MIRROR_DIRECTIONS))
    .option('--drops', 'only frames that are dropped, with the reason in the comment')
    .option(
      '--filter <expression>',
      'only frames that it fits, in the words of tcpdump: "tcp port 443 and host 10.0.0.2"',
    )
    .option(
      '--snaplen <bytes>',
      `of each frame keep so much, up to ${SNAPLEN_MAX} (default: ${SNAPLEN_DEFAULT})`,
      wholeNumber(SNAPLEN_MIN, SNAPLEN_MAX),
    );
  addBoundOptions(capture, CAPTURE_LIMITS, 'like 100M (default: 1G)');
  capture.action(async (options: CaptureOptions) => {
    await run(new Cli(capture), options);
  });
  examples(capture, [
    'capture --port red -w red.pcapng',
    'capture --drops -w - | tshark -r - -T fields -e frame.interface_name -e frame.comment',
    'capture --vlan 10 --filter "arp or icmp" --seconds 60 -w vlan10.pcapng',
    'capture -w - | wireshark -k -i -',
  ]);
  const captures = program.command('captures').description('list and stop captures');
  const ls = captures.command('ls').description('list the captures that run, and those that ended lately');
  ls.action(async () => {
    const cli = new Cli(ls);
    const answer = await cli.client.get<{ captures: CaptureView[] }>('/v1/captures');
    cli.show(answer, ({ captures }) => (captures.length > 0 ? captureTable(cli, captures) : 'no captures'));
  });
  examples(ls, ['captures ls']);
  const stop = captures
    .command('stop <capture>')
    .description('stop a capture; who reads it gets what was captured until then');
  stop.action(async (id: string) => {
    const cli = new Cli(stop);
    cli.show(await cli.client.send('DELETE', capturePath(id)), () => `${id}: stopped`);
  });
  examples(stop, ['captures stop 9f86d081884c7d65']);
}

async function run(cli: Cli, { port, vlan, maxSize, write, count, seconds, ...rest }: CaptureOptions): Promise<void> {
  if (write === undefined) throw new UsageError('say where to: -w FILE, or -w - for standard output');
  if (write === '-' && process.stdout.isTTY) {
    throw new UsageError(
      'pcapng is nothing for a terminal: give -w FILE, or pipe it: tswitch capture -w - | tshark -r -',
    );
  }
  const request: CaptureRequest = {
    ...rest,
    ...(port ? { ports: port } : {}),
    ...(vlan ? { vlans: vlan } : {}),
    ...bounds({ count, seconds, maxSize }),
  };
  const { body } = await cli.client.send<CaptureView>('POST', '/v1/captures', request);
  await writeStream(cli.client, capturePath(body.id), write);
  const ended = await cli.client.get<CaptureView>(capturePath(body.id)).catch((error: unknown) => {
    if (!(error instanceof NoDaemonError)) throw error;
    const where = write === '-' ? 'was written' : `is in ${write}`;
    throw new CliError(`the daemon ended, and the capture with it; what was captured until then ${where}`);
  });
  process.stderr.write(`${summary(ended.body, write)}\n`);
  if (cli.json && write !== '-') cli.print(ended.text);
  if (ended.body.reason === 'failed') throw new ProgramFailed(1);
}

function summary({ frames, missed, reason }: CaptureView, write: string): string {
  const where = write === '-' ? '' : ` into ${write}`;
  const why = reason === null || reason === 'stopped' ? '' : ` (${ENDS[reason]})`;
  const lost = missed === 0 ? 'none missed' : `${missed} missed: they came faster than they were taken`;
  return `tswitch: ${frames} frames captured${where}, ${lost}${why}`;
}

const ENDS = { ...BOUND_ENDS, failed: "it failed; see the daemon's log" } as const;

function captureTable(cli: Cli, captures: readonly CaptureView[]): string {
  return cli.table(
    ['ID', 'STATE', 'PORTS', 'FILTER', 'FRAMES', 'MISSED', 'STARTED'],
    captures.map(({ id, state, reason, ports, filter, drops, frames, missed, started }) => [
      id,
      reason === null ? state : `${state}: ${reason}`,
      ports.join(',') || 'all',
      [drops ? 'drops' : '', filter ?? ''].filter(Boolean).join(' ') || '-',
      frames,
      missed,
      started ?? '-',
    ]),
  );
}

function capturePath(id: string): string {
  return `/v1/captures/${encodeURIComponent(id)}`;
}
