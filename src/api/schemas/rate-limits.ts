/** Limits of bandwidth as HTTP shows and takes them, of ports and of members of networks. */
import { BURST_BYTES_MAX, RATE_BITS_MAX, RATE_BITS_MIN } from '../../limits.ts';
import { formatBurst, formatRate } from '../../control/rate-text.ts';
import { text } from './common.ts';

const CHARACTERS_MAX = 40;

const UNITS =
  'a number and a unit of tc(8): `bit`, `kbit`, `mbit`, `gbit` (powers of 1000), `kibit` and so on (of 1024), and `bps`, `kbps` and so on for bytes';

export const rateLimitFields = {
  ingressRate: rate(
    'What may enter the switch by the port per second, which is what its other side sends. Not for netdevs that exist already.',
  ),
  ingressBurst: burst('ingressRate'),
  egressRate: rate(
    'What may leave the switch by the port per second, which is what its other side receives. For kinds `veth` and `packet`.',
  ),
  egressBurst: burst('egressRate'),
};

function rate(what: string) {
  return text('a rate, like 100mbit, or null for no limit', CHARACTERS_MAX)
    .nullable()
    .openapi({
      description: `${what} Whole frames count, with their Ethernet headers; what is above waits, and is dropped when too much does. ${formatRate(RATE_BITS_MIN)} to ${formatRate(RATE_BITS_MAX)}: ${UNITS}. Null (default): no limit.`,
      example: '100mbit',
    });
}

function burst(field: string) {
  return text('a size, like 128kb, or null for a chosen one', CHARACTERS_MAX)
    .nullable()
    .openapi({
      description: `What may pass at once after a rest, above \`${field}\`: at least a full-size frame, ${formatBurst(BURST_BYTES_MAX)} at most, in bytes or with a unit (\`kb\`, \`mb\`, powers of 1024). Null (default): what comes in 50 ms, 80kb at least.`,
      example: null,
    });
}
