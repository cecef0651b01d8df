/** What users write behind `docker network create -o` and `--driver-opt`: texts by name. Pure. */
import { TswitchError } from '../control/errors.ts';
import type { RateLimits } from '../control/model.ts';
import { formatBurst, formatRate, parseBurst, parseRate } from '../control/rate-text.ts';
import { BURST_BYTES_MAX, RATE_BITS_MAX, RATE_BITS_MIN, VID_MAX, VID_MIN } from '../limits.ts';
import type { HandedPort } from '../networks/model.ts';
import { nearest } from './nearest.ts';

/** Docker's own names for what we have too: files written for its bridge driver work as they are. */
const MTU_OF_DOCKER = 'com.docker.network.driver.mtu';
const ICC_OF_DOCKER = 'com.docker.network.bridge.enable_icc';
/** As the flags of the command line are called. */
const LIMIT_OPTIONS = [
  ['ingress-rate', 'ingressRate', rateOf],
  ['ingress-burst', 'ingressBurst', burstOf],
  ['egress-rate', 'egressRate', rateOf],
  ['egress-burst', 'egressBurst', burstOf],
] as const;
const LIMITS = ['rate', ...LIMIT_OPTIONS.map(([option]) => option)];
const NETWORK_OPTIONS = ['name', 'vlan', 'isolated', 'mtu', 'host-gateway', ...LIMITS, MTU_OF_DOCKER, ICC_OF_DOCKER];
const ENDPOINT_OPTIONS = ['vlan', 'trunk', 'native', 'isolated', ...LIMITS];
/** What libnetwork itself says in the same place. */
const DOCKERS_OWN = /^com\.docker\./;

export interface NetworkOptions {
  name?: string;
  vlan?: number;
  isolated: boolean;
  mtu?: number;
  /** Whether the host has the gateway's address. */
  hostGateway: boolean;
}

/** @throws TswitchError BAD_REQUEST */
export function networkOptions(options: Readonly<Record<string, unknown>>): NetworkOptions {
  refuseUnknown(Object.keys(options), NETWORK_OPTIONS, 'network');
  const text = textsOf(options);
  const vlan = text('vlan');
  const mtu = text('mtu') ?? text(MTU_OF_DOCKER);
  const name = text('name');
  return {
    isolated: flagOf(text('isolated'), 'isolated') ?? flagOf(text(ICC_OF_DOCKER), ICC_OF_DOCKER) === false,
    hostGateway: flagOf(text('host-gateway'), 'host-gateway') ?? true,
    ...(name === undefined ? {} : { name }),
    ...(vlan === undefined ? {} : { vlan: vidOf(vlan, 'vlan') }),
    ...(mtu === undefined ? {} : { mtu: wholeNumber(mtu, 'mtu') }),
  };
}

/**
 * A container's port: `vlan` puts it into another VLAN than its network's. `trunk` gives it further VLANs, tagged; the untagged
 * one is `native`, by default the network's, and with `none` there is none.
 *
 * @param networkVlan of the network
 * @throws TswitchError BAD_REQUEST
 */
export function endpointOptions(options: Readonly<Record<string, unknown>>, networkVlan: number | null): HandedPort {
  const names = Object.keys(options).filter((name) => !DOCKERS_OWN.test(name));
  refuseUnknown(names, ENDPOINT_OPTIONS, 'endpoint');
  const text = textsOf(options);
  const [vlan, trunk, native] = [text('vlan'), text('trunk'), text('native')];
  const isolated = flagOf(text('isolated'), 'isolated');
  const common = isolated === undefined ? {} : { isolated };
  if (trunk === undefined) {
    if (native !== undefined) refuse('native: is for a trunk; give trunk too, or vlan instead');
    return { ...common, ...(vlan === undefined ? {} : { vlan: vidOf(vlan, 'vlan') }) };
  }
  if (vlan !== undefined) refuse('vlan: a trunk has several; say with native which of them is untagged');
  const trunks = vidsOf(trunk);
  if (native === 'none') return { ...common, mode: 'trunk', vlan: null, trunks };
  const untagged = native === undefined ? networkVlan : vidOf(native, 'native');
  return { ...common, mode: 'native-untagged', trunks, ...(untagged === null ? {} : { vlan: untagged }) };
}

/**
 * Limits of bandwidth, of a network's members by default or of one: `rate` is both ways, and `none` no limit.
 *
 * @throws TswitchError BAD_REQUEST
 */
export function limitOptions(options: Readonly<Record<string, unknown>>): Partial<RateLimits> {
  const text = textsOf(options);
  const both = text('rate');
  const limits: Partial<RateLimits> = {};
  if (both !== undefined) limits.ingressRate = limits.egressRate = rateOf(both, 'rate');
  for (const [option, field, parse] of LIMIT_OPTIONS) {
    const value = text(option);
    if (value !== undefined) limits[field] = parse(value, option);
  }
  return limits;
}

function refuseUnknown(names: readonly string[], known: readonly string[], what: string): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  const guess = meant === undefined ? '' : `, did you mean ${meant}?`;
  refuse(`${unknown}: tswitch has no such ${what} option${guess} (there are ${known.join(', ')})`);
}

function textsOf(options: Readonly<Record<string, unknown>>): (name: string) => string | undefined {
  return (name) => {
    const value = options[name];
    if (value === undefined || typeof value === 'string') return value?.trim();
    return typeof value === 'boolean' || typeof value === 'number' ? String(value) : refuse(`${name}: must be a text`);
  };
}

/** As strconv.ParseBool of Docker's language reads it. */
function flagOf(text: string | undefined, name: string): boolean | undefined {
  if (text === undefined) return undefined;
  if (/^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  return refuse(`${name}: "${text}" is neither true nor false`);
}

function wholeNumber(text: string, name: string): number {
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : refuse(`${name}: "${text}" is no whole number`);
}

function vidOf(text: string, name: string): number {
  const vid = /^[0-9]{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return vid >= VID_MIN && vid <= VID_MAX
    ? vid
    : refuse(`${name}: "${text}" is no VLAN ID; take ${VID_MIN} to ${VID_MAX}`);
}

/** `10,20-30`; `all` is the empty list, which means every VLAN. */
function vidsOf(text: string): number[] {
  if (text === 'all') return [];
  return text.split(',').flatMap((part) => {
    const [, from = '', to = from] = /^([0-9]{1,4})(?:-([0-9]{1,4}))?$/.exec(part.trim()) ?? [];
    const [first, last] = [vidOf(from, 'trunk'), vidOf(to, 'trunk')];
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  });
}

function rateOf(text: string, name: string): string | null {
  if (text === 'none') return null;
  const rate = parseRate(text);
  if (rate !== null && rate >= RATE_BITS_MIN && rate <= RATE_BITS_MAX) return text;
  const range = `${formatRate(RATE_BITS_MIN)} to ${formatRate(RATE_BITS_MAX)}`;
  return refuse(`${name}: "${text}" is no rate from ${range}, as tc writes it: 100mbit, or 10mbps (bytes); or none`);
}

function burstOf(text: string, name: string): string | null {
  if (text === 'none') return null;
  const bytes = parseBurst(text);
  if (bytes !== null && bytes <= BURST_BYTES_MAX) return text;
  return refuse(
    `${name}: "${text}" is no size up to ${formatBurst(BURST_BYTES_MAX)}, as tc writes it: 64kb, 1mb; or none`,
  );
}

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}
