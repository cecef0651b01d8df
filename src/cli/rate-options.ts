/** The flags of limits of bandwidth, and how people read them. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { RateLimits } from '../control/model.ts';
import { bucketOf, type Direction } from '../control/rate-limits.ts';
import { formatBurst, formatRate, parseBurst, parseRate } from '../control/rate-text.ts';

export function addRateOptions(command: Command): Command {
  return command
    .option('--ingress-rate <rate>', 'what may enter by the port, like 100mbit, or none', parseRateText)
    .option(
      '--ingress-burst <size>',
      'what may enter at once after a rest, like 128kb, or none: chosen',
      parseBurstText,
    )
    .option('--egress-rate <rate>', 'what may leave by the port, like 100mbit, or none', parseRateText)
    .option(
      '--egress-burst <size>',
      'what may leave at once after a rest, like 128kb, or none: chosen',
      parseBurstText,
    );
}

/** `100mbit, burst 123kb`. */
export function limitWords(limits: RateLimits, direction: Direction): string {
  const bucket = bucketOf(limits, direction);
  if (bucket === null) return 'none';
  return `${formatRate(bucket.bitsPerSecond)}, burst ${formatBurst(bucket.burstBytes)}`;
}

/** `none` is Infinity, which JSON writes as null. Null itself commander would take for no value. */
function parseRateText(text: string): string | number {
  if (text === 'none') return Infinity;
  if (parseRate(text) !== null) return text;
  throw new InvalidArgumentError('Give a rate as tc does, like 100mbit, 1.5gbit or 10mbps (bytes), or none.');
}

function parseBurstText(text: string): string | number {
  if (text === 'none') return Infinity;
  if (parseBurst(text) !== null) return text;
  throw new InvalidArgumentError('Give a size as tc does, like 64kb or 1mb, or in bytes, or none.');
}
