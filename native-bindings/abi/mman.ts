/** Memory mappings: mmap(2) (asm-generic/mman-common.h, linux/mman.h), the same on x86_64 and arm64. */
export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;

export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;

/** madvise(2). */
export const MADV_DONTFORK = 10;

/** memfd_create(2) (linux/memfd.h). */
export const MFD_CLOEXEC = 1;
