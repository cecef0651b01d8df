/** System call filters (linux/seccomp.h, linux/prctl.h): what containers and service managers forbid programs. */

/** prctl: sets the calling thread's mode; threads and processes that it starts inherit it, for ever. */
export const PR_SET_SECCOMP = 22;
/** The mode with a filter in classic BPF, a `sock_fprog` (abi/filter.ts). */
export const SECCOMP_MODE_FILTER = 2;

/** What a filter returns: let it pass; or refuse it with the errno in the lower half. */
export const SECCOMP_RET_ALLOW = 0x7fff0000;
export const SECCOMP_RET_ERRNO = 0x00050000;

/** struct seccomp_data: what a filter loads from. */
export const SECCOMP_DATA = { nr: 0, arch: 4, size: 64 } as const;
