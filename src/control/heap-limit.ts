/** How much a thread that runs logics may have on its heap. */
import { totalmem } from 'node:os';

const MIB_MIN = 512;
const MIB_MAX = 4096;
const SHARE = 1 / 4;

/**
 * In MiB, for `resourceLimits`. A thread needs a few of them, and a logic that takes memory is found by other means, long before. Near
 * its limit V8 collects for ever, or, where one call allocates more than is left, ends the process: so it is far away, as the machine
 * allows.
 */
export function heapMibMax(): number {
  // Of the control group, where that is less; it says 2^64 where it has no limit.
  const bytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return Math.min(Math.max(Math.floor((bytes * SHARE) / 2 ** 20), MIB_MIN), MIB_MAX);
}
