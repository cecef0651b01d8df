/** What networks and their members are called, and what is named after them. */
import { createHash } from 'node:crypto';
import { TswitchError } from '../control/errors.ts';
import { isNetnsName } from '../control/netns-name.ts';
import { HOST_LABEL } from '../limits.ts';
import type { NetworkRecord } from './model.ts';

const PORT_NAME_CHARACTERS_MAX = 64;
const NETNS_PATH = /^(?:\/var)?\/run\/netns\/([^/]+)$/;

/** The networks that exist always. */
const ALWAYS: readonly string[] = ['bridge', 'host', 'none'];

/** Whether the network exists always. */
export function isAlways(name: string): boolean {
  return ALWAYS.includes(name);
}

/** The port of a member. No network's name has a colon, so it is nobody else's. */
export function memberPort(network: string, container: string): string {
  return fitting(`${network}:${container}`);
}

/** The port of a network's gateway. */
export function gatewayPort(network: string): string {
  return fitting(`${network}.gateway`);
}

/** Whether the host has a place in the network. */
export function hasGateway({ subnets, owner, hostGateway }: NetworkRecord): boolean {
  // Without addresses it would have nothing to say there.
  return hostGateway !== false && (owner === undefined || subnets.length > 0);
}

/** The gateway's interface in the host. All begin alike, so that a rule can mean all of them. */
export const GATEWAY_PREFIX = 'tsg-';
export function gatewayIfname(id: string): string {
  return `${GATEWAY_PREFIX}${id.slice(0, 8)}`;
}

/** Its MAC address, locally administered: the same in all of the daemon's lives, so that members need not ask for it anew. */
export function gatewayMac(id: string): string {
  return `02:${[0, 2, 4, 6, 8].map((at) => id.slice(at, at + 2)).join(':')}`;
}

function fitting(name: string): string {
  if (name.length <= PORT_NAME_CHARACTERS_MAX) return name;
  return `${name.slice(0, 40)}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

/** One spelling of a namespace: a path below /run/netns is a name. */
export function netnsOf(container: string): string {
  return NETNS_PATH.exec(container)?.[1] ?? container;
}

/**
 * What a container is called: as was said, or like its namespace.
 *
 * @throws TswitchError BAD_REQUEST
 */
export function containerName(netns: string, name: string | undefined): string {
  if (netns === 'host') {
    throw new TswitchError('BAD_REQUEST', 'the host is in every network that has members: by its gateway');
  }
  if (name !== undefined) return checkedLabel(name, 'name');
  if (isNetnsName(netns) && HOST_LABEL.test(netns)) return netns;
  const why = isNetnsName(netns) ? `${netns} is no host name` : `${netns} is a path or a pid`;
  throw new TswitchError('BAD_REQUEST', `give the container a name (--name): ${why}`);
}

/** @throws TswitchError BAD_REQUEST where `label` is no label of a host name */
export function checkedLabel(label: string, field: string): string {
  if (HOST_LABEL.test(label)) return label;
  throw new TswitchError(
    'BAD_REQUEST',
    `${field}: "${label}" is no host name: take 1 to 63 of letters, digits and -, none of these at the ends`,
  );
}

/** Whether two host names are the same: case does not matter (RFC 4343). */
export function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
