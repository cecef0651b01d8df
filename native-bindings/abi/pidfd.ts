/** Descriptors of processes: pidfd_open(2), pidfd_getfd(2) (asm-generic/unistd.h; x86_64 has the same numbers). */

/** Numbers of the system calls; libc has functions for them only since glibc 2.36. */
export const SYS_PIDFD_OPEN = 434;
export const SYS_PIDFD_GETFD = 438;
