/** The micro-benchmarks: each a program of its own, so that none meets the heap and the compiled code of another. */
import { fileURLToPath } from 'node:url';
import type { MetricName } from '../metrics.ts';
import type { Settings } from '../settings.ts';
import { onCore, run } from '../system/command.ts';
import type { Bench } from '../system/subject.ts';

/** One line of a micro-benchmark's table; the programs print an array of these as JSON on their last line. */
export interface MicroRow {
  table: string;
  name: string;
  metric: MetricName;
  value: number;
  /** Name of the row of the table that ratios are formed with. */
  reference: string;
  /** Digest of what was computed, which was compared with what it must be. */
  hash: string;
}

export interface MicroBenchmark {
  readonly name: string;
  readonly file: string;
  readonly nodeFlags: readonly string[];
}

/** In MiB. What is measured then ends before the first collection. */
const BIG_SEMI_SPACE = ['--min-semi-space-size=64', '--max-semi-space-size=64'];

/** Where examples find `tswitch/logic` in a checkout. */
const FOR_LOGICS = new URL('../../src/sdk/register.ts', import.meta.url).href;

export const MICRO_BENCHMARKS: readonly MicroBenchmark[] = [
  { name: 'admit', file: 'admit.ts', nodeFlags: BIG_SEMI_SPACE },
  { name: 'fdb', file: 'fdb.ts', nodeFlags: BIG_SEMI_SPACE },
  { name: 'vlan-egress', file: 'vlan-egress.ts', nodeFlags: BIG_SEMI_SPACE },
  { name: 'logic', file: 'logic.ts', nodeFlags: [...BIG_SEMI_SPACE, '--import', FOR_LOGICS] },
  { name: 'offload', file: 'offload.ts', nodeFlags: BIG_SEMI_SPACE },
  { name: 'heap-per-frame', file: 'heap-per-frame.ts', nodeFlags: BIG_SEMI_SPACE },
  { name: 'ffi-call', file: 'ffi-call.ts', nodeFlags: BIG_SEMI_SPACE },
];

const TIMEOUT_MS = 120_000;

/** To start, and to fill the largest table; as a program takes it on average. */
const START_SECONDS = 1.2;
/** Of a program, on average; and what a case takes of the time it is given. */
const CASES = 10;
const OVERTIME = 1.2;

/** About how long one takes. */
export function secondsOfMicro(settings: Settings): number {
  return START_SECONDS + CASES * OVERTIME * settings.microSeconds;
}

/** @returns the rows of its tables @throws Error if it fails, as it does where a result is wrong */
export async function runMicro(
  bench: Bench,
  core: number,
  micro: MicroBenchmark,
  settings: Settings,
): Promise<MicroRow[]> {
  const program = fileURLToPath(new URL(micro.file, import.meta.url));
  const argv = onCore(core, [process.execPath, ...micro.nodeFlags, program, String(settings.microSeconds)]);
  const printed = await run(argv, { signal: bench.signal, timeoutMs: TIMEOUT_MS });
  return JSON.parse(printed.trimEnd().split('\n').at(-1) ?? '') as MicroRow[];
}
