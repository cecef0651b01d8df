/** Where a port's other side is and what it looks like: the netdev attached to, or the far end that is made, by the port's kind. */
import { NETDEV_NAME_BYTES_MAX } from '../limits.ts';
import {
  formatInterfaceAddress,
  type InterfaceAddress,
  isLinkLocalIpv6,
  isOnLink,
  parseInterfaceAddress,
  parseIp,
  parseUnicastMac,
} from './address-text.ts';
import { type Attempt, refuse } from './attempt.ts';
import { isNewNetnsName } from './netns-name.ts';
import type { PortIdentity, PortRequest } from './model.ts';

const IFNAME_DEFAULT = 'eth0';
const ADDRESSES_MAX = 64;
const NETNS_BYTES_MAX = 4095;
const CONTROL_CHARACTER = /\p{Cc}/u;

type Place = Pick<PortIdentity, 'netdev' | 'netns' | 'ifname' | 'addresses' | 'mac'> & {
  createNetns: boolean;
  gateway: string | null;
};

/** The fields that depend on the kind. */
export function placeOf(request: PortRequest, attempt: Attempt): Place {
  if (request.kind === 'veth' || request.kind === 'tap') return farEndOf(request, attempt);
  if (request.kind === 'xdp' && request.netdev == null) return farEndOf(request, attempt);
  attempt(() => refuseFarEnd(request), undefined);
  const netdev = attempt(() => netdevOf(request), null);
  return { netdev, netns: null, ifname: null, addresses: [], mac: null, createNetns: false, gateway: null };
}

function refuseFarEnd(request: PortRequest): void {
  const farEndFields = ['netns', 'ifname', 'mac', 'gateway', 'createNetns'] as const;
  const given: string[] = farEndFields.filter((field) => Boolean(request[field]));
  if (request.addresses?.length) given.push('addresses');
  if (given.length > 0) {
    const hint =
      request.kind === 'memory' ? 'it has no netdev' : 'tswitch does not change a netdev that it did not make';
    const what = request.kind === 'xdp' ? 'kind xdp with a netdev' : `kind ${request.kind}`;
    refuse(`${given.join(', ')}: not for ${what}; ${hint}`);
  }
}

function netdevOf(request: PortRequest): string | null {
  const netdev = request.netdev ?? null;
  if (request.kind !== 'memory') {
    if (netdev === null) refuse('netdev: kind packet needs the name of the netdev to attach to');
    checkNetdevName(netdev, 'netdev');
  } else if (netdev !== null) {
    refuse(`netdev: not for kind ${request.kind}; it has no netdev`);
  }
  return netdev;
}

function farEndOf(request: PortRequest, attempt: Attempt): Place {
  const { kind, gateway: wishedGateway, createNetns = false } = request;
  if (typeof request.netdev === 'string') {
    attempt(() => refuse(`netdev: not for kind ${kind}; tswitch names the end that it makes`), undefined);
  }
  const netns = attempt(() => netnsOf(request), null);
  if (createNetns && netns !== null) attempt(() => checkNewNetns(netns), undefined);
  const ifname = request.ifname ?? IFNAME_DEFAULT;
  attempt(() => checkNetdevName(ifname, 'ifname'), undefined);
  const parsed = attempt<InterfaceAddress[] | null>(() => normalAddresses(request.addresses ?? []), null);
  const gateway =
    wishedGateway === undefined || parsed === null
      ? null
      : attempt<string | null>(() => normalGateway(wishedGateway, parsed), null);
  const mac = attempt(() => (typeof request.mac === 'string' ? parseUnicastMac(request.mac, 'mac') : null), null);
  const addresses = (parsed ?? []).map(formatInterfaceAddress);
  return { netdev: null, netns, ifname, addresses, mac, createNetns, gateway };
}

function netnsOf({ kind, netns = null }: PortRequest): string {
  if (netns === null) {
    const or = kind === 'xdp' ? ', or netdev: the name of one that exists already' : '';
    refuse(`netns: kind ${kind} needs the namespace to put the interface into${or}`);
  }
  checkNetns(netns);
  return netns;
}

function checkNewNetns(netns: string): void {
  if (isNewNetnsName(netns)) return;
  refuse(
    `createNetns: only a namespace given by name can be made; "${netns}" is none of 1 to 64 of A-Z a-z 0-9 . _ : -`,
  );
}

/** The kernel's rules (dev_valid_name, net/core/dev.c); and `%`, which it expands to a number of its own choice. */
function checkNetdevName(name: string, field: string): void {
  const bytes = Buffer.byteLength(name);
  const isSized = bytes >= 1 && bytes <= NETDEV_NAME_BYTES_MAX;
  if (!isSized || /[/:%\s]/.test(name) || CONTROL_CHARACTER.test(name) || name === '.' || name === '..') {
    refuse(
      `${field}: "${name}" is no netdev name; take 1 to ${NETDEV_NAME_BYTES_MAX} bytes without / : % or white space`,
    );
  }
}

function checkNetns(netns: string): void {
  const isStep = netns === '.' || netns === '..';
  if (netns === '' || isStep || Buffer.byteLength(netns) > NETNS_BYTES_MAX || CONTROL_CHARACTER.test(netns)) {
    refuse('netns: give a name under /run/netns, the path of a namespace file, a pid, or host');
  }
}

function normalAddresses(texts: string[]): InterfaceAddress[] {
  if (texts.length > ADDRESSES_MAX) refuse(`addresses: ${texts.length} are too many, ${ADDRESSES_MAX} at most`);
  const addresses = texts.map((text) => parseInterfaceAddress(text, 'addresses'));
  if (new Set(addresses.map(formatInterfaceAddress)).size < texts.length) refuse('addresses: one is given twice');
  return addresses;
}

/** A next hop must be on a link of the interface, or the kernel refuses the route. */
function normalGateway(text: string, addresses: InterfaceAddress[]): string {
  const gateway = parseIp(text, 'gateway');
  if (!isLinkLocalIpv6(gateway) && !addresses.some((address) => isOnLink(gateway, address))) {
    refuse(`gateway: ${text} is in the subnet of none of the addresses given`);
  }
  return gateway.toString();
}
