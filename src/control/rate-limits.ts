/** What limits of bandwidth mean: in their one spelling, refused where they make no sense, and as the kernel's token buckets. Pure. */
import { BURST_BYTES_MAX, FRAME_OVERHEAD_BYTES, RATE_BITS_MAX, RATE_BITS_MIN } from '../limits.ts';
import { TswitchError } from './errors.ts';
import type { PortIdentity, RateLimits } from './model.ts';
import type { TokenBucket } from './plumbing/token-bucket.ts';
import { formatBurst, formatRate, parseBurst, parseRate } from './rate-text.ts';

export const DIRECTIONS = ['ingress', 'egress'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const LIMIT_FIELDS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const;
export const NO_LIMITS: RateLimits = { ingressRate: null, ingressBurst: null, egressRate: null, egressBurst: null };

/** The bucket holds what comes in so long, so that who sends and stands still for less catches up (docs/decisions/0021); */
const BURST_SECONDS = 0.05;
/** and no less than a super-frame with the headers that its segments will have, which then passes whole. */
const BURST_BYTES_MIN = 80 * 1024;
/** What waits for its turn: as much as leaves in so long, */
const QUEUE_SECONDS = 0.05;
/** and no less than a few super-frames. */
const QUEUE_BYTES_MIN = 256 * 1024;
const KIB = 1024;

interface Limit {
  rate: string | null;
  burst: string | null;
}

/**
 * Limits after a request: what it leaves out stays. A burst goes with its rate.
 *
 * @param mtu of the port, in bytes
 * @throws TswitchError BAD_REQUEST
 */
export function rateLimitsOf(wished: Partial<RateLimits>, before: RateLimits, mtu: number): RateLimits {
  const ingress = limitOf(
    'ingress',
    { rate: wished.ingressRate, burst: wished.ingressBurst },
    { rate: before.ingressRate, burst: before.ingressBurst },
    mtu,
  );
  const egress = limitOf(
    'egress',
    { rate: wished.egressRate, burst: wished.egressBurst },
    { rate: before.egressRate, burst: before.egressBurst },
    mtu,
  );
  return {
    ingressRate: ingress.rate,
    ingressBurst: ingress.burst,
    egressRate: egress.rate,
    egressBurst: egress.burst,
  };
}

/** The limits among other fields. */
export function limitsIn({ ingressRate, ingressBurst, egressRate, egressBurst }: RateLimits): RateLimits {
  return { ingressRate, ingressBurst, egressRate, egressBurst };
}

/**
 * A limit needs a queue of the kernel's that frames pass by in its direction, and not every kind of port has both.
 *
 * @throws TswitchError BAD_REQUEST
 */
export function refuseUnlimitable(
  { kind, netns }: Pick<PortIdentity, 'kind' | 'netns'>,
  { ingressRate, egressRate }: RateLimits,
): void {
  if (ingressRate !== null && (kind === 'packet' || (kind === 'xdp' && netns === null))) {
    refuse('ingressRate: nothing holds back what an existing netdev receives; limit its sender, or use kind veth');
  }
  if (ingressRate !== null && kind === 'memory') refuse('ingressRate: not for kind memory, which has no netdev');
  if (egressRate === null) return;
  if (kind === 'tap') refuse('egressRate: the kernel has no queue for what a TAP is sent; use kind veth');
  if (kind === 'xdp')
    refuse('egressRate: what kind xdp sends passes by the queue of its netdev; use kind veth or packet');
  if (kind === 'memory') refuse('egressRate: not for kind memory, which has no netdev');
}

/** Null: no limit. */
export function bucketOf(limits: RateLimits, direction: Direction): TokenBucket | null {
  const { rate, burst } =
    direction === 'ingress'
      ? { rate: limits.ingressRate, burst: limits.ingressBurst }
      : { rate: limits.egressRate, burst: limits.egressBurst };
  const bitsPerSecond = rate === null ? null : parseRate(rate);
  if (bitsPerSecond === null) return null;
  const bytesPerSecond = bitsPerSecond / 8;
  const chosen = Math.max(wholeKib(bytesPerSecond * BURST_SECONDS), BURST_BYTES_MIN);
  return {
    bitsPerSecond,
    burstBytes: (burst === null ? null : parseBurst(burst)) ?? chosen,
    queueBytes: Math.max(wholeKib(bytesPerSecond * QUEUE_SECONDS), QUEUE_BYTES_MIN),
  };
}

function limitOf(
  direction: Direction,
  wished: { [Field in keyof Limit]: Limit[Field] | undefined },
  before: Limit,
  mtu: number,
): Limit {
  const { rate: newRate = before.rate } = wished;
  const rate = newRate === null ? null : normalRate(newRate, `${direction}Rate`);
  const { burst: newBurst = rate === null ? null : before.burst } = wished;
  const burst = newBurst === null ? null : normalBurst(newBurst, `${direction}Burst`);
  if (burst === null) return { rate, burst };
  if (rate === null) refuse(`${direction}Burst: a burst needs a rate that it may exceed; give ${direction}Rate too`);
  const frame = mtu + FRAME_OVERHEAD_BYTES;
  if ((parseBurst(burst) ?? 0) < frame) {
    refuse(
      `${direction}Burst: ${burst} is too small, as no full-size frame would pass: give at least ${frame}b (MTU ${mtu})`,
    );
  }
  return { rate, burst };
}

function normalRate(text: string, field: string): string {
  const rate = parseRate(text);
  if (rate === null) {
    refuse(
      `${field}: "${text}" is no rate; write it as tc does, like 100mbit, 1.5gbit or 500kbit (bits), or 10mbps (bytes)`,
    );
  }
  if (rate < RATE_BITS_MIN || rate > RATE_BITS_MAX) {
    refuse(`${field}: must be from ${formatRate(RATE_BITS_MIN)} to ${formatRate(RATE_BITS_MAX)}, or null for no limit`);
  }
  return formatRate(rate);
}

function normalBurst(text: string, field: string): string {
  const bytes = parseBurst(text);
  if (bytes === null) refuse(`${field}: "${text}" is no size; write it as tc does, like 64kb or 1mb, or in bytes`);
  if (bytes > BURST_BYTES_MAX) refuse(`${field}: must be ${formatBurst(BURST_BYTES_MAX)} at most`);
  return formatBurst(bytes);
}

function wholeKib(bytes: number): number {
  return Math.ceil(bytes / KIB) * KIB;
}

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}
