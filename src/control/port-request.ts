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
  PORT_NAME,
  STORM_LIMIT_MAX,
  UNKNOWN_LIMIT_DEFAULT,
} from '../limits.ts';
import { type Attempt, refuse } from './attempt.ts';
import { normalMirror } from './capture/mirror-request.ts';
import { TswitchError } from './errors.ts';
import { OFFLOAD_NAMES, PORT_KINDS, PRIORITY_TAGS, TPIDS } from './model.ts';
import { placeOf } from './port-place.ts';
import { vlansOf } from './port-vlans.ts';
import { NO_LIMITS, rateLimitsOf, refuseUnlimitable } from './rate-limits.ts';
import type { OffloadName, PortIdentity, PortKind, PortPatch, PortRequest, PortSettings } from './model.ts';

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
/** IPv6 runs on no link with less (RFC 8200, section 5); the kernel refuses the addresses. */
const IPV6_MTU_MIN = 1280;

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

function checkKind(kind: PortKind): void {
  if (!PORT_KINDS.includes(kind)) refuse(`kind: must be one of ${PORT_KINDS.join(', ')}`);
}

function checkName(name: string): void {
  if (!PORT_NAME.test(name)) refuse(`name: "${name}" is no port name; take 1 to 64 of A-Z a-z 0-9 . _ : -`);
  // A URL cannot name these: every client resolves them as steps of a path.
  if (name === '.' || name === '..') refuse(`name: "${name}" cannot name a port`);
}

function checkMtu(mtu: number, addresses: readonly string[]): void {
  if (!Number.isInteger(mtu) || mtu < MTU_MIN || mtu > MTU_MAX) {
    refuse(`mtu: must be a whole number from ${MTU_MIN} to ${MTU_MAX}`);
  }
  if (mtu < IPV6_MTU_MIN && addresses.some((address) => address.includes(':'))) {
    refuse(`mtu: IPv6 addresses need at least ${IPV6_MTU_MIN}`);
  }
}

/** In the order of OFFLOAD_NAMES; segmentation without checksums is nothing the kernel knows. */
function normalOffloads(wished: OffloadName[]): OffloadName[] {
  const unknown = wished.find((name) => !OFFLOAD_NAMES.includes(name));
  if (unknown !== undefined) refuse(`offloads: "${unknown}" is none of ${OFFLOAD_NAMES.join(', ')}`);
  const offloads = OFFLOAD_NAMES.filter((name) => wished.includes(name));
  if (offloads.length > 0 && !offloads.includes('csum')) refuse(`offloads: ${offloads.join(', ')} need csum too`);
  return offloads;
}
