/** What the control plane's callers (API, CLI, tests) say and see: the shapes of ports, VLANs, FDB entries and statistics. */

export const PORT_KINDS = ['veth', 'packet', 'tap', 'memory'] as const;
export type PortKind = (typeof PORT_KINDS)[number];

export const PORT_MODES = ['access', 'trunk', 'native-tagged', 'native-untagged'] as const;
export type PortMode = (typeof PORT_MODES)[number];

export const OFFLOAD_NAMES = ['csum', 'tso4', 'tso6', 'uso'] as const;
export type OffloadName = (typeof OFFLOAD_NAMES)[number];

export type PortState = 'up' | 'down' | 'lost';
export type AdminState = 'up' | 'down';

/** What of a working port can be changed without re-making it. */
export interface PortSettings {
  mode: PortMode;
  /** The access or native VLAN; null in mode `trunk`. */
  vlan: number | null;
  /** VIDs a trunk carries, ascending; empty: all. */
  trunks: number[];
  /** Largest payload in bytes that is sent out of this port. */
  mtu: number;
  learning: boolean;
  floodUnknown: boolean;
  floodMulticast: boolean;
  floodBroadcast: boolean;
  isolated: boolean;
  admin: AdminState;
  /** What the port's other side takes unfinished; what it does not take, egress finishes itself. */
  offloads: OffloadName[];
}

/** What makes a port what it is; fixed for its life. */
export interface PortIdentity {
  name: string;
  kind: PortKind;
  /** `veth`: the switch's end. `packet`: the netdev attached to. `tap`: the TAP, null once moved. `memory`: null. */
  netdev: string | null;
  /** Name under /run/netns, path of a namespace file, pid as text, or `host`; null for `packet` and `memory`. */
  netns: string | null;
  /** Name of the far end inside `netns`. */
  ifname: string | null;
  /** Addresses of the far end, with prefix length. */
  addresses: string[];
  /** MAC address of the far end (of the netdev itself for `packet`); null for `memory`. */
  mac: string | null;
}

/** POST /v1/ports. All but name and kind have defaults. */
export type PortRequest = Pick<PortIdentity, 'name' | 'kind'> &
  Partial<PortIdentity> &
  Partial<PortSettings> & {
    /** Make the namespace (a name under /run/netns) if it does not exist. */
    createNetns?: boolean;
    /** Default route of the far end. */
    gateway?: string;
  };

export type PortPatch = Partial<PortSettings>;

export interface PortStats {
  rx: { frames: number; bytes: number; superFrames: number; drops: number };
  tx: { frames: number; bytes: number; superFrames: number; segments: number; drops: number };
  /** Count by drop reason; reasons that never happened are left out. */
  drops: Record<string, number>;
}

export interface PortView extends PortIdentity, PortSettings {
  /** Not used by the modes there are yet: fixed values. */
  cvlans: number[];
  tpid: '0x88a8' | '0x8100';
  priorityTags: 'never';
  fdbLimit: null;
  state: PortState;
  stats: PortStats;
}

export interface VlanView {
  vlan: number;
  ports: { name: string; tagged: boolean }[];
}

export type FdbKind = 'dynamic';

export interface FdbEntryView {
  mac: string;
  vlan: number;
  port: string;
  kind: FdbKind;
  ageSeconds: number;
}

export interface FdbFilter {
  port?: string;
  vlan?: number;
  kind?: FdbKind;
}

export interface FdbPage {
  entries: FdbEntryView[];
  /** Entries that match the filter, over all pages. */
  total: number;
  nextCursor: string | null;
}

export interface SwitchSettings {
  ageingSeconds: number;
  fdbLimit: number;
  /** Addresses 01:80:c2:00:00:00 to 0f that are forwarded like any group address; the others are dropped. */
  reservedAddresses: { forward: string[] };
}

export interface SwitchView extends SwitchSettings {
  workers: number;
  ffi: 'koffi' | 'ffi-rs';
  version: string;
}

export interface WorkerView {
  worker: number;
  state: 'running' | 'asleep' | 'hung';
  restarts: number;
  /** Turns of the loop that moved at least one frame. */
  turns: number;
}

export interface StatsView {
  totals: {
    rx: number;
    forwarded: number;
    flooded: number;
    floodCopies: number;
    dropped: number;
    tx: number;
    txDropped: number;
  };
  ports: Record<string, PortStats>;
  drops: Record<string, number>;
  workers: WorkerView[];
}

/** The switch as API and CLI see it. Every method throws TswitchError (control/errors.ts) for what it refuses. */
export interface SwitchControl {
  ports(): PortView[];
  port(name: string): PortView;
  addPort(request: PortRequest): Promise<PortView>;
  patchPort(name: string, patch: PortPatch): Promise<PortView>;
  removePort(name: string): Promise<void>;
  vlans(): VlanView[];
  fdb(filter: FdbFilter, page: { limit: number; cursor?: string }): FdbPage;
  flushFdb(filter: FdbFilter): number;
  settings(): SwitchView;
  patchSettings(patch: Partial<SwitchSettings>): Promise<SwitchView>;
  stats(): StatsView;
  /** Removes every port and what tswitch made for it, and ends the workers. */
  close(): Promise<void>;
}
