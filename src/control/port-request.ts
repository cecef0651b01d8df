/**
 * What a request for a port means: defaults filled in, spellings made one, and everything refused that contradicts
 * itself. Pure, so that the API, configuration files and tests all get the same answers without a kernel. What only the
 * kernel can tell (does the namespace exist, is the name taken) is found out later, by the plumbing.
 */
import {
  BROADCAST_LIMIT_DEFAULT,
  FDB_LIMIT_MAX,
  MTU_DEFAULT,
  MTU_MAX,
  MTU_MIN,
  MULTICAST_LIMIT_DEFAULT,
  NETDEV_NAME_BYTES_MAX,
  PORT_NAME,
  STORM_LIMIT_MAX,
  UNKNOWN_LIMIT_DEFAULT,
  VID_MAX,
  VID_MIN,
} from '../limits.ts';
import {
  formatInterfaceAddress,
  isLinkLocalIpv6,
  isOnLink,
  parseInterfaceAddress,
  parseIp,
  parseUnicastMac,
} from './address-text.ts';
import type { InterfaceAddress } from './address-text.ts';
import { normalMirror } from './capture/mirror-request.ts';
import { TswitchError } from './errors.ts';
import { isNewNetnsName } from './netns-name.ts';
import { OFFLOAD_NAMES, PORT_KINDS, PORT_MODES, PRIORITY_TAGS, TPIDS } from './model.ts';
import { NO_LIMITS, rateLimitsOf, refuseUnlimitable } from './rate-limits.ts';
import type { OffloadName, PortIdentity, PortKind, PortMode, PortPatch, PortRequest, PortSettings } from './model.ts';

/** A PortRequest with every default filled in and every value in its one spelling. */
export interface NormalPortRequest extends PortIdentity, Omit<PortSettings, 'mtu' | 'offloads'> {
  /** Undefined: as the netdev that exists already has it. */
  mtu: number | undefined;
  /** Undefined: all that the port's kind and the kernel can carry. */
  offloads: OffloadName[] | undefined;
  createNetns: boolean;
  /** Default route of the far end; null: none. */
  gateway: string | null;
}

const VLAN_DEFAULT = 1;
const IFNAME_DEFAULT = 'eth0';
/** IPv6 runs on no link with less (RFC 8200, section 5); the kernel refuses the addresses. */
const IPV6_MTU_MIN = 1280;
const ADDRESSES_MAX = 64;
const NETNS_BYTES_MAX = 4095;
const CONTROL_CHARACTER = /\p{Cc}/u;

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}

/** One check of many: gives what `check` gives. What it throws goes on, or is noted, and `otherwise` stands for the value. */
type Attempt = <T>(check: () => T, otherwise: T) => T;

/** @throws TswitchError BAD_REQUEST where the request contradicts itself or holds a value that no port can have */
export function normalizePortRequest(request: PortRequest): NormalPortRequest {
  return normalize(request, (check) => check());
}

/** The request that a normal one stands for: normalizing it gives the same again. */
export function asRequest({ mtu, offloads, gateway, ...request }: NormalPortRequest): PortRequest {
  return {
    ...request,
    ...(mtu === undefined ? {} : { mtu }),
    ...(offloads === undefined ? {} : { offloads }),
    ...(gateway === null ? {} : { gateway }),
  };
}

/** Everything that normalizePortRequest would refuse of the request, not only the first of it. */
export function portRequestProblems(request: PortRequest): string[] {
  const problems: string[] = [];
  normalize(request, (check, otherwise) => {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof TswitchError)) throw error;
      problems.push(error.message);
      return otherwise;
    }
  });
  return problems;
}

function normalize(request: PortRequest, attempt: Attempt): NormalPortRequest {
  attempt(() => checkName(request.name), undefined);
  attempt(() => checkKind(request.kind), undefined);
  const place = placeOf(request, attempt);
  const mtu = request.mtu ?? (place.netdev === null ? MTU_DEFAULT : undefined);
  if (mtu !== undefined) attempt(() => checkMtu(mtu, place.addresses), undefined);
  const vlans = { vlan: VLAN_DEFAULT, trunks: [], cvlans: [] };
  const limits = attempt(() => rateLimitsOf(request, NO_LIMITS, mtu ?? MTU_MAX), NO_LIMITS);
  attempt(() => refuseUnlimitable({ kind: request.kind, netns: place.netns }, limits), undefined);
  return {
    name: request.name,
    kind: request.kind,
    ...place,
    ...attempt(() => vlansOf(request, vlans, request.mode ?? 'access'), { ...vlans, mode: 'access' }),
    tpid: attempt(() => oneOf(TPIDS, request.tpid ?? '0x88a8', 'tpid'), '0x88a8'),
    priorityTags: attempt(() => oneOf(PRIORITY_TAGS, request.priorityTags ?? 'never', 'priorityTags'), 'never'),
    mtu,
    learning: request.learning ?? true,
    floodUnknown: request.floodUnknown ?? true,
    floodMulticast: request.floodMulticast ?? true,
    floodBroadcast: request.floodBroadcast ?? true,
    isolated: request.isolated ?? false,
    fdbLimit: attempt(() => limitOf(request.fdbLimit, null, FDB_LIMIT_MAX, 'fdbLimit'), null),
    broadcastLimit: attempt(
      () => limitOf(request.broadcastLimit, BROADCAST_LIMIT_DEFAULT, STORM_LIMIT_MAX, 'broadcastLimit'),
      null,
    ),
    multicastLimit: attempt(
      () => limitOf(request.multicastLimit, MULTICAST_LIMIT_DEFAULT, STORM_LIMIT_MAX, 'multicastLimit'),
      null,
    ),
    unknownLimit: attempt(
      () => limitOf(request.unknownLimit, UNKNOWN_LIMIT_DEFAULT, STORM_LIMIT_MAX, 'unknownLimit'),
      null,
    ),
    ...limits,
    admin: request.admin ?? 'up',
    offloads: attempt(() => request.offloads && normalOffloads(request.offloads), undefined),
    mirror: attempt(() => normalMirror(request.mirror ?? null, request.name), null),
  };
}

/**
 * The settings after a patch. A change of mode drops what the new mode has no use for (a trunk's list in `access`, the
 * VLAN in `trunk`, customer VLANs in all but `dot1q-tunnel`) unless the patch gives it, which is refused.
 *
 * @param addresses those of the port's far end, which the MTU must be able to carry
 * @throws TswitchError BAD_REQUEST where the result would contradict itself
 */
export function applyPatch(settings: PortSettings, patch: PortPatch, addresses: readonly string[] = []): PortSettings {
  const mode = patch.mode ?? settings.mode;
  const kept = { vlan: settings.vlan ?? VLAN_DEFAULT, trunks: settings.trunks, cvlans: settings.cvlans };
  if (patch.mtu !== undefined) checkMtu(patch.mtu, addresses);
  return {
    ...settings,
    ...patch,
    ...vlansOf(patch, kept, mode),
    tpid: oneOf(TPIDS, patch.tpid ?? settings.tpid, 'tpid'),
    priorityTags: oneOf(PRIORITY_TAGS, patch.priorityTags ?? settings.priorityTags, 'priorityTags'),
    fdbLimit: limitOf(patch.fdbLimit, settings.fdbLimit, FDB_LIMIT_MAX, 'fdbLimit'),
    broadcastLimit: limitOf(patch.broadcastLimit, settings.broadcastLimit, STORM_LIMIT_MAX, 'broadcastLimit'),
    multicastLimit: limitOf(patch.multicastLimit, settings.multicastLimit, STORM_LIMIT_MAX, 'multicastLimit'),
    unknownLimit: limitOf(patch.unknownLimit, settings.unknownLimit, STORM_LIMIT_MAX, 'unknownLimit'),
    ...rateLimitsOf(patch, settings, patch.mtu ?? settings.mtu),
    offloads: patch.offloads ? normalOffloads(patch.offloads) : settings.offloads,
    mirror: patch.mirror === undefined ? settings.mirror : normalMirror(patch.mirror, null),
  };
}

interface WishedVlans {
  vlan?: number | null;
  trunks?: number[];
  cvlans?: number[];
}

/** The modes that carry more than the one VLAN in `vlan`. */
export function isTrunk(mode: PortMode): boolean {
  return mode === 'trunk' || mode === 'native-tagged' || mode === 'native-untagged';
}

/** Mode, VLANs as `wished`, else from `otherwise` as far as the mode has a use for them. */
function vlansOf(
  wished: WishedVlans,
  otherwise: { vlan: number; trunks: number[]; cvlans: number[] },
  mode: PortMode,
): Pick<PortSettings, 'mode' | 'vlan' | 'trunks' | 'cvlans'> {
  if (!PORT_MODES.includes(mode)) refuse(`mode: must be one of ${PORT_MODES.join(', ')}`);
  const vlan = wished.vlan === undefined ? (mode === 'trunk' ? null : otherwise.vlan) : wished.vlan;
  const trunks = wished.trunks ?? (isTrunk(mode) ? otherwise.trunks : []);
  const cvlans = wished.cvlans ?? (mode === 'dot1q-tunnel' ? otherwise.cvlans : []);
  if (mode === 'trunk' && vlan !== null) {
    refuse('vlan: mode trunk has none; list its VIDs in trunks, or take mode native-tagged or native-untagged');
  }
  if (mode !== 'trunk' && vlan === null) refuse(`vlan: mode ${mode} needs one, ${VID_MIN} to ${VID_MAX}`);
  if (!isTrunk(mode) && trunks.length > 0) {
    refuse(`trunks: mode ${mode} carries one VLAN only; take mode trunk, native-tagged or native-untagged`);
  }
  if (mode !== 'dot1q-tunnel' && cvlans.length > 0) {
    refuse(`cvlans: mode ${mode} has no customer VLANs; take mode dot1q-tunnel`);
  }
  if (vlan !== null) checkVid(vlan, 'vlan');
  for (const vid of trunks) checkVid(vid, 'trunks');
  for (const vid of cvlans) checkVid(vid, 'cvlans');
  return { mode, vlan, trunks: ascending(trunks), cvlans: ascending(cvlans) };
}

function ascending(vids: number[]): number[] {
  return [...new Set(vids)].sort((a, b) => a - b);
}

function oneOf<T extends string>(values: readonly T[], wished: T, field: string): T {
  if (!values.includes(wished)) refuse(`${field}: must be one of ${values.join(', ')}`);
  return wished;
}

/** Null: no limit. Undefined: as it is or as is usual. */
function limitOf(wished: number | null | undefined, otherwise: number | null, max: number, field: string) {
  if (wished === undefined) return otherwise;
  if (wished !== null && (!Number.isInteger(wished) || wished < 1 || wished > max)) {
    refuse(`${field}: must be a whole number from 1 to ${max}, or null for no limit`);
  }
  return wished;
}

type Place = Pick<PortIdentity, 'netdev' | 'netns' | 'ifname' | 'addresses' | 'mac'> & {
  createNetns: boolean;
  gateway: string | null;
};

/** Where the port's other side is and what it looks like: the fields that depend on the kind. */
function placeOf(request: PortRequest, attempt: Attempt): Place {
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

function checkKind(kind: PortKind): void {
  if (!PORT_KINDS.includes(kind)) refuse(`kind: must be one of ${PORT_KINDS.join(', ')}`);
}

function checkName(name: string): void {
  if (!PORT_NAME.test(name)) refuse(`name: "${name}" is no port name; take 1 to 64 of A-Z a-z 0-9 . _ : -`);
  // A URL cannot name these: every client resolves them as steps of a path.
  if (name === '.' || name === '..') refuse(`name: "${name}" cannot name a port`);
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

function checkMtu(mtu: number, addresses: readonly string[]): void {
  if (!Number.isInteger(mtu) || mtu < MTU_MIN || mtu > MTU_MAX) {
    refuse(`mtu: must be a whole number from ${MTU_MIN} to ${MTU_MAX}`);
  }
  if (mtu < IPV6_MTU_MIN && addresses.some((address) => address.includes(':'))) {
    refuse(`mtu: IPv6 addresses need at least ${IPV6_MTU_MIN}`);
  }
}

function checkVid(vid: number, field: string): void {
  if (!Number.isInteger(vid) || vid < VID_MIN || vid > VID_MAX) {
    refuse(`${field}: ${vid} is no VLAN ID; take ${VID_MIN} to ${VID_MAX}`);
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

/** In the order of OFFLOAD_NAMES; segmentation without checksums is nothing the kernel knows. */
function normalOffloads(wished: OffloadName[]): OffloadName[] {
  const unknown = wished.find((name) => !OFFLOAD_NAMES.includes(name));
  if (unknown !== undefined) refuse(`offloads: "${unknown}" is none of ${OFFLOAD_NAMES.join(', ')}`);
  const offloads = OFFLOAD_NAMES.filter((name) => wished.includes(name));
  if (offloads.length > 0 && !offloads.includes('csum')) refuse(`offloads: ${offloads.join(', ')} need csum too`);
  return offloads;
}
