/** Clocks (linux/time.h) and struct timespec of 64-bit machines. */

/** The wall clock, which the kernel stamps frames with. */
export const CLOCK_REALTIME = 0;

/** struct timespec */
export const TIMESPEC = { sec: 0, nsec: 8, size: 16 } as const;
