/** What a run measures and for how long: the command line, and the three sizes of a run. */
import { parseArgs } from 'node:util';

/** How long each measurement takes. All loads are bounded by these. */
export interface Settings {
  /** Every subject is set up and measured once per round. */
  rounds: number;
  /** Length of the window in which frames are counted, in seconds. */
  frameSeconds: number;
  /** UDP source ports the frames are spread over. */
  flows: number;
  /** Numbered frames are sent at full speed for this long, in seconds, and what arrives is compared. */
  integritySeconds: number;
  /** Length of one TCP run, in whole seconds; there is one for each direction. */
  tcpSeconds: number;
  pings: number;
  /** Time without any traffic in which CPU time is counted, in seconds. */
  idleSeconds: number;
  /** Before that, for start-up work (compiling, first collections) to end, in seconds. */
  settleSeconds: number;
  /** Target time of one micro-benchmark case, in seconds. */
  microSeconds: number;
}

const FULL: Settings = {
  rounds: 5,
  frameSeconds: 3,
  flows: 1,
  integritySeconds: 0.5,
  tcpSeconds: 3,
  pings: 200,
  idleSeconds: 5,
  settleSeconds: 2,
  microSeconds: 1,
};
const QUICK: Settings = {
  ...FULL,
  rounds: 3,
  frameSeconds: 1,
  tcpSeconds: 1,
  pings: 100,
  idleSeconds: 2,
  microSeconds: 0.5,
};
const SMOKE: Settings = {
  ...FULL,
  rounds: 1,
  frameSeconds: 0.2,
  integritySeconds: 0.2,
  tcpSeconds: 1,
  pings: 20,
  idleSeconds: 0.2,
  settleSeconds: 0.1,
  microSeconds: 0.05,
};
const SMOKE_ONLY = [
  'tswitch-veth',
  'tswitch-tap',
  'linux-bridge',
  'admit',
  'fdb',
  'vlan-egress',
  'offload',
  'heap-per-frame',
  'ffi-call',
];

export const FLOWS_MAX = 4096;

export const USAGE = `usage: npm run bench -- [--quick | --smoke] [--rounds N] [--flows N] [--only NAME,...] [--output FOLDER]

  --quick          3 rounds of short measurements, about 2 minutes
  --smoke          seconds; tswitch and Linux bridge only; shows that the harness works, its figures mean nothing
  --rounds N       rounds, each of which sets up and measures every subject once
  --flows N        UDP flows the 64-byte frames are spread over, 1 to ${FLOWS_MAX} (default 1)
  --only NAME,...  some subjects only; an unknown name prints those there are
  --output FOLDER  where the JSON goes (default bench/results)`;

export interface Options {
  settings: Settings;
  /** `full`, `quick` or `smoke`. */
  size: string;
  /** Names of subjects and micro-benchmarks; null: all. */
  only: string[] | null;
  output: string | null;
  help: boolean;
}

/** @throws Error with one line about what is wrong */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      flows: { type: 'string' },
      only: { type: 'string' },
      output: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.quick && values.smoke) throw new Error('--quick and --smoke exclude each other');
  const size = values.smoke ? 'smoke' : values.quick ? 'quick' : 'full';
  const settings = { ...(values.smoke ? SMOKE : values.quick ? QUICK : FULL) };
  if (values.rounds !== undefined) settings.rounds = parseCount('--rounds', values.rounds, 1000);
  if (values.flows !== undefined) settings.flows = parseCount('--flows', values.flows, FLOWS_MAX);
  const only = values.only?.split(',') ?? (values.smoke ? SMOKE_ONLY : null);
  return { settings, size, only, output: values.output ?? null, help: values.help };
}

function parseCount(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new Error(`${flag} takes a number from 1 to ${max}`);
  return value;
}
