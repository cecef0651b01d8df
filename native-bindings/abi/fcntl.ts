/**
 * Opening files and fcntl(2) (asm-generic/fcntl.h). Only flags that have the same value on x86_64 and arm64; O_DIRECTORY,
 * O_NOFOLLOW and O_DIRECT have not.
 */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;

export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;

export const FD_CLOEXEC = 1;
