/** Arithmetic on subnets and their addresses, as numbers. Pure. */
import ipaddr from 'ipaddr.js';
import { parseInterfaceAddress, parseIp } from '../../control/address-text.ts';
import { TswitchError } from '../../control/errors.ts';

export type Family = 4 | 6;

export interface Subnet {
  family: Family;
  /** The network's address. */
  first: bigint;
  /** The last address: broadcast, for IPv4. */
  last: bigint;
  prefixBits: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** @throws TswitchError BAD_REQUEST where `text` is no subnet in CIDR notation, or has bits set behind the prefix */
export function parseSubnet(text: string, field: string): Subnet {
  const { ip, prefixBits } = parseInterfaceAddress(text, field);
  const family = ip.kind() === 'ipv4' ? 4 : 6;
  const subnet = subnetAround(family, numberOf(ip), prefixBits);
  if (numberOf(ip) !== subnet.first) {
    throw new TswitchError('BAD_REQUEST', `${field}: ${text} is an address in a subnet; write ${formatSubnet(subnet)}`);
  }
  return subnet;
}

/** @throws TswitchError BAD_REQUEST where `text` is no address that a host can have */
export function parseAddress(text: string, field: string): { family: Family; value: bigint } {
  const ip = parseIp(text, field);
  return { family: ip.kind() === 'ipv4' ? 4 : 6, value: numberOf(ip) };
}

export function subnetAround(family: Family, address: bigint, prefixBits: number): Subnet {
  const size = 1n << BigInt(BITS[family] - prefixBits);
  const first = address - (address % size);
  return { family, first, last: first + size - 1n, prefixBits };
}

export function formatAddress(family: Family, value: bigint): string {
  const bytes = Array.from({ length: BITS[family] / 8 }, (_, index) => {
    return Number((value >> BigInt(BITS[family] - 8 - index * 8)) & 0xffn);
  });
  return ipaddr.fromByteArray(bytes).toString();
}

export function formatSubnet({ family, first, prefixBits }: Subnet): string {
  return `${formatAddress(family, first)}/${prefixBits}`;
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

export function contains(subnet: Subnet, address: { family: Family; value: bigint }): boolean {
  return subnet.family === address.family && address.value >= subnet.first && address.value <= subnet.last;
}

/**
 * The addresses that hosts can have: without network and broadcast address (RFC 922; both are hosts' in a /31, RFC 3021), and
 * in IPv6 without the routers' anycast address (RFC 4291, section 2.6.1).
 */
export function hostRange({ family, first, last, prefixBits }: Subnet): { first: bigint; last: bigint } {
  if (BITS[family] - prefixBits < 2) return { first, last };
  return { first: first + 1n, last: family === 4 ? last - 1n : last };
}

/**
 * The next address of the range that nobody has, behind the one given last, so that one that was released is not used again
 * while others are left. Null: all are taken.
 *
 * @param last undefined: none was given yet
 */
export function nextFree(
  range: { first: bigint; last: bigint },
  last: bigint | undefined,
  taken: ReadonlySet<bigint>,
): bigint | null {
  const size = range.last - range.first + 1n;
  const isInside = last !== undefined && last >= range.first && last < range.last;
  let candidate = isInside ? last + 1n : range.first;
  // Of so many in a row one is free, if any is.
  const tries = size <= BigInt(taken.size) ? size : BigInt(taken.size) + 1n;
  for (let tried = 0n; tried < tries; tried++) {
    if (!taken.has(candidate)) return candidate;
    candidate = candidate === range.last ? range.first : candidate + 1n;
  }
  return null;
}

function numberOf(ip: ReturnType<typeof parseIp>): bigint {
  return ip.toByteArray().reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}
