/** Ports and VLANs: what makes one, what of it can be changed, and what is seen of it. */
import type { NetnsMemory } from '../attach/netns-memory.ts';
import type { SwitchEvent } from '../events.ts';

export const PORT_KINDS = ['veth', 'packet', 'tap', 'xdp', 'memory'] as const;
export type PortKind = (typeof PORT_KINDS)[number];

export const PORT_MODES = [
  'access',
  'trunk',
  'native-tagged',
  'native-untagged',
  'dot1q-tunnel',
  'transparent',
] as const;
export type PortMode = (typeof PORT_MODES)[number];

export const OFFLOAD_NAMES = ['csum', 'tso4', 'tso6', 'uso'] as const;
export type OffloadName = (typeof OFFLOAD_NAMES)[number];

export const TPIDS = ['0x88a8', '0x8100'] as const;
export type Tpid = (typeof TPIDS)[number];

export const PRIORITY_TAGS = ['never', 'if-nonzero', 'always'] as const;
export type PriorityTags = (typeof PRIORITY_TAGS)[number];

/** Where a port's XDP program runs: in the netdev's driver, or behind it. */
export const XDP_MODES = ['native', 'generic'] as const;
export type XdpMode = (typeof XDP_MODES)[number];

export type PortState = 'up' | 'down' | 'lost';
export type AdminState = 'up' | 'down';

/**
 * What may pass a port: `ingress` enters the switch by it, `egress` leaves by it. Whole frames count, Ethernet header included;
 * of a super-frame, the frames that it stands for. Text in the units of tc(8) (rate-text.ts).
 */
export interface RateLimits {
  /** Bits per second, like `100mbit`; null: no limit. */
  ingressRate: string | null;
  /** Bytes that may pass at once after a rest, like `128kb`; null: chosen, or no limit. */
  ingressBurst: string | null;
  egressRate: string | null;
  egressBurst: string | null;
}

/** What of a working port can be changed without re-making it. */
export interface PortSettings extends RateLimits {
  mode: PortMode;
  /** The access or native VLAN; null in mode `trunk`. */
  vlan: number | null;
  /** VIDs a trunk carries, ascending; empty: all. */
  trunks: number[];
  /** Inner VIDs that may enter or leave a `dot1q-tunnel`, ascending; empty: all, and frames without a tag of their own. */
  cvlans: number[];
  /** What `dot1q-tunnel` and `transparent` push towards trunks. */
  tpid: Tpid;
  /** Whether what leaves without a tag gets a priority tag (VID 0): always, or if its priority (PCP) is not 0. */
  priorityTags: PriorityTags;
  /** Largest payload in bytes that is sent out of this port. */
  mtu: number;
  learning: boolean;
  floodUnknown: boolean;
  floodMulticast: boolean;
  floodBroadcast: boolean;
  isolated: boolean;
  /** Addresses learned on this port at most; null: as many as the switch holds. */
  fdbLimit: number | null;
  /** Frames per second that may enter by this port to be flooded, by class; null: no limit. */
  broadcastLimit: number | null;
  multicastLimit: number | null;
  unknownLimit: number | null;
  admin: AdminState;
  /** What the port's other side takes unfinished; what it does not take, egress finishes itself. */
  offloads: OffloadName[];
  /** Null: nothing of it is copied. */
  mirror: PortMirror | null;
}

export const MIRROR_DIRECTIONS = ['rx', 'tx', 'both'] as const;
export type CaptureDirection = (typeof MIRROR_DIRECTIONS)[number];

/** Copies of what enters (`rx`) or leaves (`tx`) a port, to another port or into a pcapng file. */
export interface PortMirror {
  /** One of these two is null. */
  port: string | null;
  file: string | null;
  direction: CaptureDirection;
  /** Frames of these VLANs only, ascending; empty: of all. */
  vlans: number[];
  /** Size at which the file becomes FILE.1 and a new one begins; null without a file. */
  maxBytes: number | null;
}

export type MirrorRequest = { [Field in keyof PortMirror]?: PortMirror[Field] | undefined };

/** What makes a port what it is; fixed for its life. */
export interface PortIdentity {
  name: string;
  kind: PortKind;
  /** `veth`, `xdp`: the switch's end. `packet`, `xdp`: the netdev attached to. `tap`: the TAP, null once moved. `memory`: null. */
  netdev: string | null;
  /** Name under /run/netns, path of a namespace file, pid as text, or `host`; null for netdevs that exist already, and for `memory`. */
  netns: string | null;
  /** Name of the far end inside `netns`. */
  ifname: string | null;
  /** Addresses of the far end, with prefix length. */
  addresses: string[];
  /** MAC address of the far end (of a netdev that exists already, its own); null for `memory`. */
  mac: string | null;
}

/** POST /v1/ports. All but name and kind have defaults. */
export type PortRequest = Pick<PortIdentity, 'name' | 'kind'> &
  Partial<PortIdentity> &
  PortPatch & {
    /** Make the namespace (a name under /run/netns) if it does not exist. */
    createNetns?: boolean;
    /** Default route of the far end. */
    gateway?: string;
  };

/**
 * A port that belongs to a wish of somebody else's (a network's, say), who keeps it himself: it is no part of the configuration.
 * A pair, whose own end tells the daemon's next life what it was made for.
 */
export interface OwnedPort {
  request: PortRequest & { kind: 'veth' };
  /** What its namespace must be; null: whatever its name or path leads to. */
  remembered: NetnsMemory | null;
}

export type PortPatch = Partial<Omit<PortSettings, 'mirror'>> & { mirror?: MirrorRequest | null };

export interface PortStats {
  rx: { frames: number; bytes: number; superFrames: number; drops: number };
  tx: { frames: number; bytes: number; superFrames: number; segments: number; drops: number };
  /** Mirrored copies sent out of this port; none of the frames in `tx`. */
  mirrored: { frames: number; bytes: number; drops: number };
  /** Count by drop reason; reasons that never happened are left out. */
  drops: Record<string, number>;
}

/** The port is cut off because a probe sent out of `peer` came back in: the two are connected outside the switch. */
export interface LoopBlock {
  peer: string;
  since: string;
  until: string;
}

export interface PortView extends PortIdentity, PortSettings {
  state: PortState;
  /** Kind `xdp`: where its XDP program runs; null for other kinds, and while the port is lost. */
  xdpMode: XdpMode | null;
  /** Kind `xdp`: the netdev's receive queues, all of which are served; else null. */
  queues: number | null;
  blocked: LoopBlock | null;
  /** What loop protection did at this port lately, newest last: the events with their evidence. */
  protection: SwitchEvent[];
  stats: PortStats;
}

export interface VlanView {
  vlan: number;
  ports: { name: string; tagged: boolean }[];
}
