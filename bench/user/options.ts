/** The arguments of bench/user.ts, which `tswitch bench` writes, and the programs it needs. */
import { parseArgs } from 'node:util';
import { missingProgram } from '../system/command.ts';
import type { TswitchKind } from '../system/tswitch.ts';

export interface UserOptions {
  kind: TswitchKind;
  workers: number;
  /** Null: the default. */
  busyPollMicros: number | null;
  /** One round only. */
  quick: boolean;
  /** Of each measurement. */
  seconds: number;
  json: boolean;
}

const KINDS: readonly TswitchKind[] = ['veth', 'tap', 'packet', 'xdp'];

/** @throws Error with one line about what is wrong */
export function parseUserOptions(args: string[]): UserOptions {
  const { values } = parseArgs({
    args,
    options: {
      kind: { type: 'string', default: 'veth' },
      workers: { type: 'string', default: '1' },
      'busy-poll-micros': { type: 'string' },
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const kind = KINDS.find((name) => name === values.kind);
  if (kind === undefined) throw new Error(`there is no kind ${values.kind}; there are ${KINDS.join(', ')}`);
  const [workers, seconds] = [Number(values.workers), Number(values.seconds)];
  if (!(Number.isInteger(workers) && workers >= 1)) throw new Error('--workers takes a whole number from 1');
  if (!(seconds > 0 && seconds <= 60)) throw new Error('--seconds takes a number up to 60');
  const busyPoll = values['busy-poll-micros'];
  const busyPollMicros = busyPoll === undefined ? null : Number(busyPoll);
  return { kind, workers, busyPollMicros, seconds, quick: values.quick, json: values.json };
}

/** A program, and the Debian package that has it. */
const TOOLS = {
  ip: 'iproute2',
  ping: 'iputils-ping',
  iperf3: 'iperf3',
  sysctl: 'procps',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  taskset: 'util-linux',
} as const;

/** One line about what is to be installed; null if all is there. */
export function missingTools(): string | null {
  const missing = Object.entries(TOOLS).filter(([tool]) => missingProgram(tool) !== null);
  if (missing.length === 0) return null;
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  return `the benchmark needs ${missing.map(([tool]) => tool).join(', ')}: install ${packages} (apt-get install ${packages})`;
}
