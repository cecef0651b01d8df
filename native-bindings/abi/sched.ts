/** Namespaces, for setns(2) and for descriptors of /proc/PID/ns (linux/sched.h, linux/nsfs.h, linux/magic.h). */
export const CLONE_NEWNET = 0x40000000;

/** ioctl on a namespace's descriptor: gives its CLONE_NEW constant. */
export const NS_GET_NSTYPE = 0xb703;

/** statfs(2)'s type of a namespace file. */
export const NSFS_MAGIC = 0x6e736673;
