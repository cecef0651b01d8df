/** From what the control plane keeps to what users see and workers are told; pure. */
import { RESERVED_ADDRESSES, RESERVED_FILTERED_DEFAULT, VID_MAX, VID_MIN } from '../limits.ts';
import {
  OFFLOAD_CSUM,
  OFFLOAD_TSO4,
  OFFLOAD_TSO6,
  OFFLOAD_USO,
  type PortConfig,
  type WireMirror,
} from '../shared/commands.ts';
import type {
  LoopBlock,
  OffloadName,
  PortSettings,
  PortState,
  PortStats,
  PortView,
  SwitchSettings,
  VlanView,
} from './model.ts';
import type { SwitchEvent } from './events.ts';
import { isTrunk } from './port-vlans.ts';
import type { PortRecord } from './port-record.ts';

const OFFLOAD_BITS: Record<OffloadName, number> = {
  csum: OFFLOAD_CSUM,
  tso4: OFFLOAD_TSO4,
  tso6: OFFLOAD_TSO6,
  uso: OFFLOAD_USO,
};

type Configured = Pick<PortRecord, 'settings' | 'link'> & { request: { name: string } };
type Known = Configured & Pick<PortRecord, 'inForce'>;
type Named = Known & { attachment: Pick<PortRecord['attachment'], 'identity' | 'xdp'> };

export function portConfig(record: Configured, blocked: boolean, mirror: WireMirror | null): PortConfig {
  const { settings } = record;
  return {
    name: record.request.name,
    mode: settings.mode,
    vlan: settings.vlan ?? 0,
    trunks: settings.trunks,
    cvlans: settings.cvlans,
    tpid: Number(settings.tpid),
    priorityTags: settings.priorityTags,
    mtu: settings.mtu,
    learning: settings.learning,
    floodUnknown: settings.floodUnknown,
    floodMulticast: settings.floodMulticast,
    floodBroadcast: settings.floodBroadcast,
    isolated: settings.isolated,
    broadcastLimit: settings.broadcastLimit,
    multicastLimit: settings.multicastLimit,
    unknownLimit: settings.unknownLimit,
    blocked,
    up: portState(record) === 'up',
    offloads: settings.offloads.reduce((bits, name) => bits | OFFLOAD_BITS[name], 0),
    mirror,
  };
}

export function portState({ settings, link }: Configured): PortState {
  if (link.lost) return 'lost';
  return settings.admin === 'up' && link.up ? 'up' : 'down';
}

/** As users see it: a port that cannot carry frames shows it at once; that it can, once every worker knows. */
export function shownState(record: Known): PortState {
  const state = portState(record);
  return state === 'up' ? (record.inForce ?? 'down') : state;
}

export function portView(
  record: Named,
  stats: PortStats,
  safety: { blocked: LoopBlock | null; protection: SwitchEvent[] },
): PortView {
  return {
    ...record.attachment.identity,
    ...record.settings,
    state: shownState(record),
    xdpMode: record.attachment.xdp?.mode ?? null,
    queues: record.attachment.xdp?.queues ?? null,
    ...safety,
    stats,
  };
}

/** Every VLAN that a port names, with the ports that carry it, trunks that carry all included. */
export function vlanViews(records: Named[]): VlanView[] {
  const named = new Set<number>();
  for (const { settings } of records) {
    if (settings.vlan !== null) named.add(settings.vlan);
    for (const vid of settings.trunks) named.add(vid);
  }
  return [...named]
    .filter((vid) => vid >= VID_MIN && vid <= VID_MAX)
    .toSorted((a, b) => a - b)
    .map((vlan) => ({
      vlan,
      ports: records
        .filter(({ settings }) => carriesVlan(settings, vlan))
        .map((record) => ({ name: record.attachment.identity.name, tagged: isTagged(record.settings, vlan) })),
    }));
}

export function carriesVlan(
  { mode, vlan, trunks }: Pick<PortSettings, 'mode' | 'vlan' | 'trunks'>,
  vid: number,
): boolean {
  return vid === vlan || (isTrunk(mode) && (trunks.length === 0 || trunks.includes(vid)));
}

function isTagged({ mode, vlan }: PortRecord['settings'], vid: number): boolean {
  return isTrunk(mode) && !(mode === 'native-untagged' && vlan === vid);
}

/** For each of the reserved addresses, by their last byte, whether it is forwarded. */
export function forwardReserved({ reservedAddresses: { forward, drop } }: SwitchSettings): boolean[] {
  const forwarded = Array.from({ length: RESERVED_ADDRESSES }, (_, last) => last >= RESERVED_FILTERED_DEFAULT);
  for (const mac of forward) forwarded[parseInt(mac.slice(-2), 16)] = true;
  for (const mac of drop) forwarded[parseInt(mac.slice(-2), 16)] = false;
  return forwarded;
}
