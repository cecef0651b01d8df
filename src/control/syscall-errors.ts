/** A system call that failed while a port was attached, said in words a user can act on. */
import { EACCES, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENXIO, EPERM } from '../../native-bindings/abi/errno.ts';
import { SyscallError } from '../../native-bindings/syscalls.ts';
import { TswitchError } from './errors.ts';

/** The error as TswitchError where it is known what to do about it, else as it is. */
export function explainSyscall(error: unknown): unknown {
  if (!(error instanceof SyscallError)) return error;
  switch (error.errno) {
    case EPERM:
    case EACCES:
      return new TswitchError(
        'NOT_PERMITTED',
        `${error.message}: run the daemon as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN`,
      );
    case EMFILE:
    case ENFILE:
      return new TswitchError(
        'LIMIT_REACHED',
        `${error.message}: raise the daemon's limit of open files, or remove ports`,
      );
    case ENOMEM:
      return new TswitchError(
        'LIMIT_REACHED',
        `${error.message}: there is no room for another port's rings; remove ports`,
      );
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return new TswitchError(
        'NOT_SUPPORTED',
        `${error.message}: the netdev or the kernel's driver for it is not there`,
      );
    default:
      return error;
  }
}
