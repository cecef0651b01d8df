/**
 * One table of micro-benchmarks: cases that benny times, whose heap use is measured beside, and whose results are compared
 * with what they must be. A program makes one table or more and prints the rows.
 *
 * A sample is a batch of operations, so that the clock costs nothing. Heap bytes are the growth of the young generation; asking
 * costs some, so what no operation costs is taken off. Run with a semi-space that nothing fills (micro.ts): what is
 * collected meanwhile is not seen.
 */
import { getHeapSpaceStatistics } from 'node:v8';
import benny from 'benny';
import { spreadOf } from '../metrics.ts';
import { digestOf, digestText, EMPTY_DIGEST, fold } from './digest.ts';
import type { MicroRow } from './micro.ts';

const NS_PER_SECOND = 1e9;
/** Samples of each case that benny takes. */
const SAMPLES = 10;
/** How often the heap is watched, per second that a case is given, and at least and at most. */
const HEAP_REPETITIONS_PER_SECOND = 60;
const HEAP_REPETITIONS_MIN = 3;
const HEAP_REPETITIONS_MAX = 11;
/** Operations that it is watched over, at least. */
const HEAP_OPERATIONS = 5000;

export interface Case {
  name: string;
  /** Operations of one run. */
  operations: number;
  /** How many runs differ; run `n` is followed by run `n + 1`, and the last by run 0. */
  runs: number;
  /** Does run `n`, and gives the digest of its results. */
  run: (n: number) => number;
  /** What `run(n)` must give, known without the code that is measured. */
  expected: (n: number) => number;
}

export interface TableOptions {
  /** Names of two cases of different tables must differ too. */
  table: string;
  /** What one operation is. */
  per: 'frame' | 'call' | 'operation';
  /** The name of the case that ratios are formed with. */
  reference: string;
  /** Of each case. */
  seconds: number;
}

const METRICS_OF = {
  frame: ['nsPerFrame', 'heapBytesPerFrame'],
  call: ['nsPerCall', 'heapBytesPerCall'],
  operation: ['nsPerOperation', 'heapBytesPerOperation'],
} as const;

/** A case in its turns, and whether every one of them gave what it must. */
class Runner {
  readonly #case: Case;
  readonly #expected: Int32Array;
  #next = 0;
  #wrong = 0;

  constructor(it: Case) {
    this.#case = it;
    this.#expected = Int32Array.from({ length: it.runs }, (_, n) => it.expected(n));
  }

  run(): void {
    const n = this.#next;
    this.#next = n + 1 === this.#case.runs ? 0 : n + 1;
    this.#wrong |= this.#case.run(n) ^ this.#expected[n]!;
  }

  /** The digest of all runs' results. @throws Error if one was wrong */
  digest(): number {
    if (this.#wrong !== 0) throw new Error(`${this.#case.name}: a result is wrong, so its time means nothing`);
    return this.#expected.length === 1 ? this.#expected[0]! : digestOf(this.#expected);
  }
}

/** @throws Error if a case gives a wrong result */
export async function measureTable(options: TableOptions, cases: readonly Case[]): Promise<MicroRow[]> {
  const { table, per, reference, seconds } = options;
  if (!cases.some(({ name }) => name === reference)) throw new Error(`${table} has no case '${reference}'`);
  const runners = cases.map((it) => new Runner(it));
  const limits = { minTime: seconds / SAMPLES, maxTime: seconds };
  const repetitions = Math.round(seconds * HEAP_REPETITIONS_PER_SECOND);
  const summary = await benny.suite(
    table,
    ...cases.map(({ name }, k) => benny.add(name, () => runners[k]!.run(), limits)),
  );
  const [timeMetric, heapMetric] = METRICS_OF[per];
  return cases.flatMap(({ name, operations }, k): MicroRow[] => {
    const runSeconds = summary.results[k]!.details.median;
    const heapBytes = heapBytesOf(runners[k]!, Math.ceil(HEAP_OPERATIONS / operations), repetitions) / operations;
    const row = { table, name, reference, hash: digestText(runners[k]!.digest()) };
    return [
      { ...row, metric: timeMetric, value: (runSeconds * NS_PER_SECOND) / operations },
      { ...row, metric: heapMetric, value: heapBytes },
    ];
  });
}

/** Heap bytes of one run. What the first round of asking costs is the engine's own. */
function heapBytesOf(runner: Runner, runs: number, wished: number): number {
  const repetitions = Math.min(Math.max(wished, HEAP_REPETITIONS_MIN), HEAP_REPETITIONS_MAX);
  grownBy(runner, runs, 1);
  const heapBytes = grownBy(runner, runs, repetitions) - grownBy(runner, 0, repetitions);
  if (heapBytes < 0) throw new Error('so much was allocated that it was collected; the heap cannot tell how much');
  return heapBytes / runs;
}

/** The median of some repetitions: the engine's own work (compiling) shows in some of them, what runs cost in all. */
function grownBy(runner: Runner, runs: number, repetitions: number): number {
  const grown = Array.from({ length: repetitions }, () => {
    const before = youngBytes();
    for (let n = 0; n < runs; n++) runner.run();
    return youngBytes() - before;
  });
  return spreadOf(grown).median;
}

/** Bytes allocated and not collected where objects begin their life; compiled code and its data lie elsewhere. */
function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_used_size;
}

/** The digest of the same word `count` times. */
export function digestOfRepeated(word: number, count: number): number {
  let digest = EMPTY_DIGEST;
  for (let k = 0; k < count; k++) digest = fold(digest, word);
  return digest;
}

/** For programs: what `micro.ts` reads. */
export function printRows(rows: readonly MicroRow[]): void {
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}

/** For programs: seconds per case, their only argument. */
export function secondsPerCase(): number {
  return Number(process.argv[2] ?? 1);
}
