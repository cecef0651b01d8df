/**
 * Addresses as people write them, checked and brought to one spelling: MACs in lower case with colons, IP addresses in
 * the shortest form (RFC 5952). node:net judges the syntax, because ipaddr.js also takes octal and shortened IPv4.
 */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { TswitchError } from './errors.ts';

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const GROUP_BIT = 0x01;
const PREFIX = /^(0|[1-9][0-9]{0,2})$/;

type IpAddress = ipaddr.IPv4 | ipaddr.IPv6;

/** An interface address: `ip` with the length of its subnet's prefix in bits. */
export interface InterfaceAddress {
  ip: IpAddress;
  prefixBits: number;
}

/** @throws TswitchError BAD_REQUEST where `text` is not six pairs of hex digits with colons */
export function parseMac(text: string, field: string): string {
  const mac = text.toLowerCase();
  if (!MAC.test(mac)) {
    throw new TswitchError('BAD_REQUEST', `${field}: "${text}" is not a MAC address; write it like 02:00:00:00:00:01`);
  }
  return mac;
}

/** A MAC that an interface may have: not a group address and not all zero (IEEE 802-2014, 8.2). */
export function parseUnicastMac(text: string, field: string): string {
  const mac = parseMac(text, field);
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & GROUP_BIT) !== 0;
  if (isGroup || mac === '00:00:00:00:00:00') {
    throw new TswitchError('BAD_REQUEST', `${field}: ${mac} is no unicast address; take one like 02:00:00:00:00:01`);
  }
  return mac;
}

/** @throws TswitchError BAD_REQUEST where `text` is no IPv4 or IPv6 address that an interface or gateway can have */
export function parseIp(text: string, field: string): IpAddress {
  if (!isIPv4(text) && (!isIPv6(text) || text.includes('%'))) {
    throw new TswitchError(
      'BAD_REQUEST',
      `${field}: "${text}" is not an IP address; write it like 10.0.0.1 or fd00::1`,
    );
  }
  const ip = ipaddr.parse(text);
  const range = ip.range();
  if (range === 'multicast' || range === 'unspecified' || range === 'broadcast') {
    throw new TswitchError('BAD_REQUEST', `${field}: ${text} is a ${range} address; no interface can have it`);
  }
  return ip;
}

/** Parses an address with its prefix length (CIDR notation, RFC 4632). */
export function parseInterfaceAddress(text: string, field: string): InterfaceAddress {
  const slash = text.indexOf('/');
  if (slash < 0) {
    throw new TswitchError('BAD_REQUEST', `${field}: "${text}" has no prefix length; write it like 10.0.0.1/24`);
  }
  const ip = parseIp(text.slice(0, slash), field);
  const bitsMax = ip.kind() === 'ipv4' ? 32 : 128;
  const prefix = text.slice(slash + 1);
  if (!PREFIX.test(prefix) || Number(prefix) > bitsMax) {
    throw new TswitchError('BAD_REQUEST', `${field}: "${text}" needs a prefix length from 0 to ${bitsMax}`);
  }
  return { ip, prefixBits: Number(prefix) };
}

export function formatInterfaceAddress(address: InterfaceAddress): string {
  return `${address.ip.toString()}/${address.prefixBits}`;
}

/** Whether `ip` lies in the subnet of `address`. */
export function isOnLink(ip: IpAddress, address: InterfaceAddress): boolean {
  return ip.kind() === address.ip.kind() && ip.match([address.ip, address.prefixBits]);
}

export function isLinkLocalIpv6(ip: IpAddress): boolean {
  return ip.kind() === 'ipv6' && ip.range() === 'linkLocal';
}
