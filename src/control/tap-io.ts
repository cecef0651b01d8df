/**
 * How the workers read and write TAPs: by io_uring, a batch per system call, or, where this system has none that serves,
 * by a system call per frame. The environment variable TSWITCH_TAP_IO names one of them.
 */
import { EINVAL, ENOSYS, EPERM } from '../../native-bindings/abi/errno.ts';
import { Arena, ARENA_BYTES_MIN } from '../../native-bindings/arena.ts';
import { SyscallError } from '../../native-bindings/syscalls.ts';
import { IoRingSocket } from '../ports/open-io-ring.ts';
import { TswitchError } from './errors.ts';
import type { Log } from './log.ts';
import { TAP_IOS, type TapIo } from './model.ts';

const REMEDIES: Readonly<Record<number, string>> = {
  [EPERM]: 'set sysctl kernel.io_uring_disabled to 0, or let the seccomp filter pass io_uring_setup and io_uring_enter',
  [ENOSYS]: 'this kernel has none, or a seccomp filter hides it',
  [EINVAL]: 'it needs Linux 6.5',
};

/**
 * Tries io_uring, unless `wished` is `syscalls`. Says in the log where it cannot be used.
 * @throws TswitchError if the name is unknown, or io_uring is asked for by name and cannot be used
 */
export function chooseTapIo(log: Log, wished = process.env['TSWITCH_TAP_IO']): TapIo {
  if (wished !== undefined && !isTapIo(wished)) {
    throw new TswitchError(
      'BAD_REQUEST',
      `TSWITCH_TAP_IO is '${wished}'; it can be '${TAP_IOS.join("' or '")}', or unset`,
    );
  }
  if (wished === 'syscalls') return 'syscalls';
  const refusal = tryIoUring();
  if (refusal === null) return 'io_uring';
  const remedy = REMEDIES[refusal.errno];
  const reason = `io_uring cannot be used (${refusal.message}${remedy === undefined ? '' : `: ${remedy}`})`;
  if (wished === 'io_uring') throw new TswitchError('NOT_SUPPORTED', `TSWITCH_TAP_IO asks for it, but ${reason}`);
  log.warn('tap ports work with a system call per frame', { reason });
  return 'syscalls';
}

/** Null: it works. */
function tryIoUring(): SyscallError | null {
  try {
    IoRingSocket.open(Arena.create(ARENA_BYTES_MIN)).close();
    return null;
  } catch (error) {
    if (error instanceof SyscallError) return error;
    throw error;
  }
}

function isTapIo(name: string): name is TapIo {
  return TAP_IOS.some((known) => known === name);
}
