/** The end of a process one of whose threads cannot be ended, such as one whose memory is full: it would keep the process for ever. */
import { sys } from '../../../native-bindings/syscalls.ts';
import type { Log } from '../log.ts';

/** So long the process may take to end by itself. */
const END_TIMEOUT_MS = 2000;

/** Call it when all is closed. */
export function endForSure(log: Log): void {
  setTimeout(() => {
    log.error('a worker cannot be ended: the process ends all the same');
    sys.exit(Number(process.exitCode ?? 0));
  }, END_TIMEOUT_MS).unref();
}
