/** Options of commands that take frames until there are enough. */
import type { Command } from 'commander';
import type { BoundLimits } from '../control/bounds.ts';
import type { Bounds } from '../control/model.ts';
import { parseSize, wholeNumber } from './values.ts';

export interface BoundOptions {
  count?: number | undefined;
  seconds?: number | undefined;
  maxSize?: number | undefined;
}

/** @param size what the help says of the size */
export function addBoundOptions(command: Command, limits: BoundLimits, size: string): void {
  command
    .option('--count <n>', 'end after so many frames', wholeNumber(1, limits.countMax))
    .option('--seconds <n>', 'end after so long', wholeNumber(1, limits.secondsMax))
    .option('--max-size <size>', `end after so many bytes, ${size}`, parseSize(limits.bytesMin, limits.bytesMax));
}

/** What is asked for, as a request has it. */
export function bounds({ count, seconds, maxSize }: BoundOptions): Bounds {
  return {
    ...(count === undefined ? {} : { count }),
    ...(seconds === undefined ? {} : { seconds }),
    ...(maxSize === undefined ? {} : { maxBytes: maxSize }),
  };
}

/** Why it ended, in words. */
export const BOUND_ENDS = {
  count: 'the count is reached',
  seconds: 'the time is over',
  size: 'the size is reached',
  reader: 'nobody reads any more',
  daemon: 'the daemon ended',
} as const;
