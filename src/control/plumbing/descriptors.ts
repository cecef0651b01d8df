/**
 * The limit of open files (RLIMIT_NOFILE). It is looked at before a port is attached: run into half-way, there would be no
 * descriptors either for the programs that take away what was made by then, or for those who want to ask why.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { TswitchError } from '../errors.ts';

/** What a port takes of its own and per worker, at most, and for its while the programs that set it up. */
const PER_PORT = 24;
const PER_WORKER = 4;
/** For the API's connections and the kept state. */
const RESERVE = 16;

/** @throws TswitchError LIMIT_REACHED where another port would not fit */
export function assertDescriptors(workers: number): void {
  const needed = PER_PORT + PER_WORKER * workers + RESERVE;
  const limit = readLimit();
  const used = readdirSync('/proc/self/fd').length;
  if (used + needed <= limit) return;
  throw new TswitchError(
    'LIMIT_REACHED',
    `${used} of the daemon's ${limit} open files are in use, and a port may take ${needed}: raise the limit (LimitNOFILE= in its unit, \`ulimit -n\`), or remove ports`,
  );
}

function readLimit(): number {
  const soft = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft);
}
