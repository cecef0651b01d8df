/** explain: what the switch would do with a frame that arrived now, step by step. */
import { readFileSync, statSync } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { ExplainedCopy, ExplainView } from '../../control/model.ts';
import { readCapture } from '../capture-file.ts';
import type { CapturedFrame } from '../capture-file.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, UsageError } from '../errors.ts';
import { formatColumns, printable } from '../output.ts';

const CAPTURED_FRAMES_MAX = 100;
const CAPTURE_BYTES_MAX = 512 * 1024 * 1024;
const DUMP_BYTES_MAX = 128;
const DUMP_LINE_BYTES = 16;

interface ExplainOptions {
  port: string;
  frame?: string;
  pcap?: string;
}

export function addExplainCommand(program: Command): void {
  const explain = program
    .command('explain')
    .description(
      'explain what the switch would do with a frame that arrived now: nothing is sent, learned or counted; exits 0 also when the frame would be dropped',
    )
    .requiredOption('--port <port>', 'where the frame arrives')
    .option('--frame <hex>', 'the frame from its destination address on, without FCS; - reads it from standard input')
    .addOption(
      new Option('--pcap <file>', `the first ${CAPTURED_FRAMES_MAX} frames of a pcap or pcapng file`).conflicts(
        'frame',
      ),
    );
  explain.action(async (options: ExplainOptions) => {
    const cli = new Cli(explain);
    const { frames, leftOut } = await framesOf(options);
    for (const [index, frame] of frames.entries()) {
      const body = { port: options.port, frame: frame.bytes.toString('hex') };
      const answer = await cli.client.send<ExplainView>('POST', '/v1/explain', body);
      const head = frames.length > 1 ? `${index > 0 ? '\n' : ''}frame ${index + 1} of ${frames.length}\n` : '';
      const cut = frame.length > frame.bytes.length ? `\n${cutLine(frame)}` : '';
      cli.show(answer, (view) => `${head}${render(view)}${cut}`);
    }
    if (leftOut > 0) {
      process.stderr.write(
        `tswitch: ${leftOut} more frames were left out; ${CAPTURED_FRAMES_MAX} are explained at most\n`,
      );
    }
  });
  examples(explain, [
    'explain --port red --frame "ffffffffffff 020000000001 0806 0001080006040001"',
    'explain --port red --frame - < frame.hex',
    'explain --port uplink --pcap trace.pcapng --json',
  ]);
}

async function framesOf({ frame, pcap }: ExplainOptions): Promise<{ frames: CapturedFrame[]; leftOut: number }> {
  if (pcap !== undefined) return readCapture(readCaptureFile(pcap), pcap, CAPTURED_FRAMES_MAX);
  if (frame === undefined) throw new UsageError('give a frame with --frame or a file of frames with --pcap');
  const bytes = parseHex(frame === '-' ? await readText(process.stdin) : frame);
  return { frames: [{ bytes, length: bytes.length }], leftOut: 0 };
}

/** Digits with white space or colons anywhere between them, each group of them perhaps with `0x` in front. */
export function parseHex(text: string): Buffer {
  const digits = text.replace(/\b0x/gi, '').replace(/[\s:]/g, '');
  if (/[^0-9a-f]/i.test(digits)) {
    throw new UsageError('--frame: give hex digits; only spaces, colons and line breaks may be between them');
  }
  if (digits.length === 0) throw new UsageError('--frame: there are no hex digits in it');
  if (digits.length % 2 === 1) throw new UsageError('--frame: a byte has two hex digits; one is missing');
  return Buffer.from(digits, 'hex');
}

function readCaptureFile(path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > CAPTURE_BYTES_MAX) {
      throw new CliError(
        `${path} is too large; take its beginning: tcpdump -r FILE -c ${CAPTURED_FRAMES_MAX} -w SMALL`,
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read the capture: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function cutLine({ bytes, length }: CapturedFrame): string {
  return `the capture holds only ${bytes.length} of its ${length} bytes; capture with a larger snap length (tcpdump -s 0)`;
}

function render({ summary, stages, egress }: ExplainView): string {
  const steps = stages.map(({ stage, verdict, text }): string[] => [stage, verdict, text]);
  const width = Math.max(0, ...egress.map(({ port }) => port.length));
  return [printable(summary), ...formatColumns(steps), ...egress.flatMap((copy) => copyLines(copy, width))].join('\n');
}

function copyLines({ port, frame, summary, reason, text }: ExplainedCopy, width: number): string[] {
  const name = port.padEnd(width);
  if (frame === null) return [printable(`-- ${name}  not sent: ${text}${reason === null ? '' : ` (${reason})`}`)];
  const indent = '   ';
  const words = summary === null ? [] : [printable(`${indent}${summary}`)];
  return [printable(`-> ${name}  ${text}:`), ...words, ...dump(frame).map((line) => indent + line)];
}

/** Offset and bytes, the way that hexdump and Wireshark show them. */
function dump(hex: string): string[] {
  const bytes = hex.match(/../g) ?? [];
  const lines: string[] = [];
  for (let start = 0; start < bytes.length && start < DUMP_BYTES_MAX; start += DUMP_LINE_BYTES) {
    const offset = start.toString(16).padStart(4, '0');
    lines.push(`${offset}  ${bytes.slice(start, start + DUMP_LINE_BYTES).join(' ')}`);
  }
  const left = bytes.length - DUMP_BYTES_MAX;
  return left > 0 ? [...lines, `and ${left} more bytes; --json shows all`] : lines;
}
