/** From what the control plane keeps to what users see and workers are told; pure. */
import { VID_MAX, VID_MIN } from '../limits.ts';
import { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO, type PortConfig } from '../shared/commands.ts';
import type { OffloadName, PortState, PortStats, PortView, SwitchSettings, VlanView } from './model.ts';
import type { PortRecord } from './port-record.ts';

const OFFLOAD_BITS: Record<OffloadName, number> = {
  csum: OFFLOAD_CSUM,
  tso4: OFFLOAD_TSO4,
  tso6: OFFLOAD_TSO6,
  uso: OFFLOAD_USO,
};

type Configured = Pick<PortRecord, 'settings' | 'link'>;
type Named = Configured & { attachment: Pick<PortRecord['attachment'], 'identity'> };

export function portConfig(record: Configured): PortConfig {
  const { settings } = record;
  return {
    mode: settings.mode,
    vlan: settings.vlan ?? 0,
    trunks: settings.trunks,
    mtu: settings.mtu,
    learning: settings.learning,
    floodUnknown: settings.floodUnknown,
    floodMulticast: settings.floodMulticast,
    floodBroadcast: settings.floodBroadcast,
    isolated: settings.isolated,
    up: portState(record) === 'up',
    offloads: settings.offloads.reduce((bits, name) => bits | OFFLOAD_BITS[name], 0),
  };
}

export function portState({ settings, link }: Configured): PortState {
  if (link.lost) return 'lost';
  return settings.admin === 'up' && link.up ? 'up' : 'down';
}

export function portView(record: Named, stats: PortStats): PortView {
  return {
    ...record.attachment.identity,
    ...record.settings,
    cvlans: [],
    tpid: '0x88a8',
    priorityTags: 'never',
    fdbLimit: null,
    state: portState(record),
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

export function carriesVlan({ mode, vlan, trunks }: PortRecord['settings'], vid: number): boolean {
  return vid === vlan || (mode !== 'access' && (trunks.length === 0 || trunks.includes(vid)));
}

function isTagged({ mode, vlan }: PortRecord['settings'], vid: number): boolean {
  return mode !== 'access' && !(mode === 'native-untagged' && vlan === vid);
}

/** Bit n: 01:80:c2:00:00:0n is forwarded. */
export function reservedMask(settings: SwitchSettings): number {
  return settings.reservedAddresses.forward.reduce((mask, mac) => mask | (1 << parseInt(mac.slice(-1), 16)), 0);
}
