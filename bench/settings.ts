/** How much a run measures and for how long: the command line, and the four sizes of a run. What is measured: plan.ts. */
import { parseArgs } from 'node:util';

/** How long each measurement takes. All loads are bounded by these. */
export interface Settings {
  /** Every subject is set up and measured once per round. */
  rounds: number;
  /** At overload, before frames are counted: for queues to fill and for the engine to compile what is hot, in seconds. */
  warmUpSeconds: number;
  /** Length of the window in which frames are counted at overload, in seconds. */
  frameSeconds: number;
  /** One trial of the search for a rate. RFC 2544 asks for 60 seconds. */
  trialSeconds: number;
  /** How often a trial is repeated that failed by little. */
  trialRepeats: number;
  /** Share of the rate within which the search ends. */
  precision: number;
  /** Each of overload and the time to recover in, in seconds. */
  overloadSeconds: number;
  /** Of a load that is asked for, the share that the generator must reach for a figure to count. */
  offeredShareMin: number;
  /** RFC 2544 asks for 120 seconds, with one frame of them measured. */
  latencySeconds: number;
  /** Numbered frames are sent at full speed for this long, in seconds, and what arrives is compared. */
  integritySeconds: number;
  /** Length of one TCP run, in whole seconds; there is one for each direction. */
  tcpSeconds: number;
  udpSeconds: number;
  requestSeconds: number;
  /** At one ping per second it is five times as long. */
  pingSeconds: number;
  /** Offered, to see how many a switch holds. */
  capacityAddresses: number;
  /** New addresses of one trial of the learning rate. */
  lessonAddresses: number;
  /** Numbers of ports for which memory is told. */
  footprintPorts: readonly number[];
  /** Time without any traffic in which CPU time is counted, in seconds. */
  idleSeconds: number;
  /** Before that, for start-up work (compiling, first collections) to end, in seconds. */
  settleSeconds: number;
  /** Target time of one micro-benchmark case in a round, in seconds. */
  microSeconds: number;
}

const DEFAULT: Settings = {
  rounds: 5,
  warmUpSeconds: 0.5,
  frameSeconds: 1.5,
  trialSeconds: 0.4,
  trialRepeats: 2,
  precision: 0.03,
  overloadSeconds: 1,
  offeredShareMin: 0.95,
  latencySeconds: 1.5,
  integritySeconds: 0.3,
  tcpSeconds: 2,
  udpSeconds: 1,
  requestSeconds: 1,
  pingSeconds: 1,
  capacityAddresses: 100_000,
  lessonAddresses: 8192,
  footprintPorts: [8, 64],
  idleSeconds: 5,
  settleSeconds: 2,
  microSeconds: 0.2,
};
const QUICK: Settings = {
  ...DEFAULT,
  rounds: 3,
  frameSeconds: 1,
  tcpSeconds: 1,
  pingSeconds: 0.5,
  footprintPorts: [8],
  idleSeconds: 1,
  settleSeconds: 1,
  microSeconds: 0.2,
};
const FULL: Settings = {
  ...DEFAULT,
  frameSeconds: 3,
  trialSeconds: 1,
  trialRepeats: 2,
  precision: 0.01,
  overloadSeconds: 3,
  latencySeconds: 5,
  integritySeconds: 1,
  tcpSeconds: 5,
  udpSeconds: 3,
  requestSeconds: 3,
  pingSeconds: 2,
  capacityAddresses: 1_200_000,
  footprintPorts: [8, 64, 256],
  microSeconds: 1,
};
const SMOKE: Settings = {
  rounds: 1,
  warmUpSeconds: 0.05,
  frameSeconds: 0.15,
  trialSeconds: 0.06,
  trialRepeats: 0,
  precision: 0.25,
  overloadSeconds: 0.15,
  offeredShareMin: 0,
  latencySeconds: 0.1,
  integritySeconds: 0.1,
  tcpSeconds: 1,
  udpSeconds: 0.1,
  requestSeconds: 0.1,
  pingSeconds: 0.1,
  capacityAddresses: 1000,
  lessonAddresses: 256,
  footprintPorts: [8],
  idleSeconds: 0.2,
  settleSeconds: 0.1,
  microSeconds: 0.05,
};

export const SIZES = ['default', 'quick', 'full', 'smoke'] as const;
export type Size = (typeof SIZES)[number];
const SETTINGS: Readonly<Record<Size, Settings>> = { default: DEFAULT, quick: QUICK, full: FULL, smoke: SMOKE };

export const USAGE = `usage: npm run bench -- [--quick | --full | --smoke] [--rounds N] [--only NAME,...] [--measure NAME,...]
                       [--output FOLDER] [--list]

                     without any of them: 5 rounds of a named subset, about 45 minutes
  --quick            3 short rounds of what matters most, about 5 minutes
  --full             the whole grid, many hours; narrow it by --only and --measure
  --smoke            seconds; tswitch and Linux bridge only; shows that the harness works, its figures mean nothing
  --rounds N         rounds, each of which sets up and measures every subject once
  --only NAME,...    some subjects and micro-benchmarks only
  --measure NAME,... some measurements only; without the micro-benchmarks
  --output FOLDER    where the JSON goes (default bench/results)
  --list             prints the names there are, and what this run would measure`;

export interface Options {
  settings: Settings;
  size: Size;
  /** Names of subjects and micro-benchmarks; null: all of the plan. */
  only: string[] | null;
  /** Names of measurements; null: all of the plan. */
  measure: string[] | null;
  output: string | null;
  list: boolean;
  help: boolean;
}

/** @throws Error with one line about what is wrong */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      measure: { type: 'string' },
      output: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [size = 'default', another] = (['quick', 'full', 'smoke'] as const).filter((name) => values[name]);
  if (another !== undefined) throw new Error(`--${size} and --${another} exclude each other`);
  const settings = { ...SETTINGS[size] };
  if (values.rounds !== undefined) settings.rounds = parseCount('--rounds', values.rounds, 1000);
  const { only, measure, output = null, list, help } = values;
  return { settings, size, only: only?.split(',') ?? null, measure: measure?.split(',') ?? null, output, list, help };
}

function parseCount(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new Error(`${flag} takes a number from 1 to ${max}`);
  return value;
}
