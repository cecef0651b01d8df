/** What actions do, and whom they cut off, in words. Pure. */
import { VID_MAX, VID_MIN } from '../../limits.ts';
import type { SwitchSettings } from '../model.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { carriesVlan } from '../views.ts';
import type { WishedLogic } from './wish.ts';

/** More VLANs than these are counted, not listed. */
const LISTED_MAX = 8;

export function placeWords({ kind, netdev, netns, ifname }: NormalPortRequest): string {
  return netns === null ? `${kind} on ${netdev}` : `${kind}, ${ifname} in namespace ${netns}`;
}

/** `vlan 10 -> 20, isolated false -> true`. */
export function changedWords(before: object, changes: object): string {
  const old = new Map(Object.entries(before));
  return Object.entries(changes)
    .map(([field, value]) => `${field} ${valueWords(old.get(field))} -> ${valueWords(value)}`)
    .join(', ');
}

function valueWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

export function removalCutsOff({ name, netns, netdev }: NormalPortRequest, isRemade: boolean): string {
  if (netns === null) {
    return `what is behind ${netdev} is ${isRemade ? 'cut off for a moment' : 'no longer reached by port ' + name}`;
  }
  if (!isRemade) return `its host (namespace ${netns}) loses its link`;
  return `its host (namespace ${netns}) loses its link for a moment, and with it routes and addresses added by hand`;
}

/** A netdev that becomes a port is no longer its host's. */
export function addingCutsOff({ netdev }: NormalPortRequest): string | null {
  return netdev === null ? null : `the host itself no longer hears what arrives on ${netdev}`;
}

export function settingsCutOff(before: SwitchSettings, after: SwitchSettings): string | null {
  const lines: string[] = [];
  if (after.fdbLimit < before.fdbLimit) lines.push(`learned addresses beyond ${after.fdbLimit} are forgotten`);
  const { forward, drop } = before.reservedAddresses;
  const dropped = [
    ...forward.filter((mac) => !after.reservedAddresses.forward.includes(mac)),
    ...after.reservedAddresses.drop.filter((mac) => !drop.includes(mac)),
  ];
  if (dropped.length > 0) lines.push(`frames to ${dropped.join(', ')} are dropped`);
  return joined(lines);
}

export function changeCutsOff(before: NormalPortRequest, after: NormalPortRequest): string | null {
  if (before.admin === 'up' && after.admin === 'down') return 'nothing enters or leaves by the port any more';
  const lines: string[] = [];
  const left = vlansLeft(before, after);
  if (left.length > LISTED_MAX) lines.push(`the port leaves ${left.length} VLANs`);
  else if (left.length > 0) lines.push(`the port leaves VLAN ${left.join(', ')}`);
  if (before.mode !== after.mode) lines.push('frames tagged for the old mode may be dropped');
  else if (before.mode === 'dot1q-tunnel' && isNarrower(before.cvlans, after.cvlans)) {
    lines.push('frames of other customer VLANs are dropped');
  }
  if (before.mtu !== undefined && after.mtu !== undefined && after.mtu < before.mtu) {
    lines.push(`frames of more than ${after.mtu} bytes are no longer sent to it`);
  }
  if (!before.isolated && after.isolated) lines.push('it no longer reaches other isolated ports');
  for (const [field, words] of FLOODS) {
    if (before[field] && !after[field]) lines.push(`${words} no longer reach it`);
  }
  return joined(lines);
}

export function logicWords(current: readonly WishedLogic[], wanted: readonly WishedLogic[]): string {
  const before = new Map(current.map((logic) => [stateWords(logic), logic]));
  const after = new Set(wanted.map(stateWords));
  const lines = [
    ...wanted.flatMap((logic) => loadWords(before.get(stateWords(logic)), logic)),
    ...[...before.keys()].filter((words) => !after.has(words)).map((words) => `${words} is unloaded`),
  ];
  return `logics: ${joined(lines) ?? 'they are asked in another order'}`;
}

function loadWords(before: WishedLogic | undefined, after: WishedLogic): string[] {
  if (before?.sha256 !== after.sha256 || before.file !== after.file) {
    return [`${stateWords(after)} is loaded from ${after.file}`];
  }
  const changes = (['params', 'ports', 'vlans'] as const).filter((field) => {
    return JSON.stringify(before[field]) !== JSON.stringify(after[field]);
  });
  return changes.length === 0 ? [] : [`${stateWords(after)} gets other ${changes.join(', ')}`];
}

function stateWords({ name, shadow }: WishedLogic): string {
  return shadow ? `${name} in shadow` : name;
}

const FLOODS = [
  ['floodUnknown', 'frames to unknown addresses'],
  ['floodMulticast', 'multicast frames'],
  ['floodBroadcast', 'broadcasts'],
] as const;

function vlansLeft(before: NormalPortRequest, after: NormalPortRequest): number[] {
  const left: number[] = [];
  for (let vid = VID_MIN; vid <= VID_MAX; vid++) {
    if (carriesVlan(before, vid) && !carriesVlan(after, vid)) left.push(vid);
  }
  return left;
}

/** Empty lists mean all. */
function isNarrower(before: readonly number[], after: readonly number[]): boolean {
  return after.length > 0 && (before.length === 0 || before.some((vid) => !after.includes(vid)));
}

function joined(lines: readonly string[]): string | null {
  return lines.length > 0 ? lines.join('; ') : null;
}
