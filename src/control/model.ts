/** What the control plane's callers (API, CLI, tests) say and see: the shapes of ports, VLANs, FDB entries and statistics. */
import type { RecordingEndReason } from '../shared/recording.ts';
import type { NetnsMemory } from './attach/netns-memory.ts';
import type { Finding } from './doctor/finding.ts';
import type { EventBus, SwitchEvent } from './events.ts';
import type { LogicControl, LogicStats } from './logic/model.ts';
import type { ApplyOptions, ApplyResult } from './wish/configuration.ts';
import type { Problem } from './wish/problem.ts';
import type { Draft } from './wish/problems.ts';
import type { ConfigView, WishRequest } from './wish/wish.ts';

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

export const FDB_KINDS = ['dynamic', 'static', 'sticky'] as const;
export type FdbKind = (typeof FDB_KINDS)[number];

export interface FdbEntryView {
  mac: string;
  vlan: number;
  port: string;
  kind: FdbKind;
  ageSeconds: number;
}

/** An entry to be given: `static` never ages or moves, `sticky` ages but does not move while it is alive. */
export interface FdbRequest {
  mac: string;
  port: string;
  /** Default: the port's `vlan`. */
  vlan?: number;
  kind: Exclude<FdbKind, 'dynamic'>;
}

export interface FdbFilter {
  /** Looked up at once in every VLAN, without a walk through the table. */
  mac?: string;
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

export interface FdbUsage {
  /** Aged ones that are not yet collected included. */
  entries: number;
  /** Static and sticky ones among them. */
  given: number;
  limit: number;
  /** Learned entries that had to go for others since the table was made; modulo 2^32. */
  evictions: number;
}

export interface SwitchSettings {
  ageingSeconds: number;
  fdbLimit: number;
  /**
   * Of the addresses 01:80:c2:00:00:00 to 0f those that are forwarded like any group address (the others are dropped), and
   * of 01:80:c2:00:00:10 to 2f those that are dropped (the others are forwarded).
   */
  reservedAddresses: { forward: string[]; drop: string[] };
  /** Moves of one address between ports within a second after which it is held where it was before; null: never. */
  macMoveLimit: number | null;
  /** How long it is held. */
  macMoveHoldSeconds: number;
  /** Whether signs of a loop make the switch send a probe, and block a port that it returns by. */
  loopProtection: boolean;
  /** How long such a port stays blocked. */
  loopHoldSeconds: number;
  /** How long a worker looks for the next frame before it sleeps, at most, in microseconds. */
  busyPollMicros: number;
}

/** What is left out stays, of the reserved addresses each list by itself. */
export type SwitchPatch = Partial<Omit<SwitchSettings, 'reservedAddresses'>> & {
  reservedAddresses?: Partial<SwitchSettings['reservedAddresses']>;
};

/** How TAPs are read and written: a batch per system call, or a frame. */
export const TAP_IOS = ['io_uring', 'syscalls'] as const;
export type TapIo = (typeof TAP_IOS)[number];

/** Where and how the wish is kept beyond the daemon's end. */
export interface StateView {
  /** Null: it is not kept (`--ephemeral`). */
  file: string | null;
  /** Acknowledged changes, over all lives of the daemon. */
  generation: number;
  /** What is wrong with it, or had to be set aside since the daemon started, a sentence each. */
  problems: string[];
}

export interface SwitchView extends SwitchSettings {
  workers: number;
  ffi: 'koffi' | 'ffi-rs';
  tapIo: TapIo;
  version: string;
  state: StateView;
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
  /** Of the live loaded logics, by name. */
  logics: Record<string, LogicStats>;
  workers: WorkerView[];
}

/** The last frames dropped for one reason, decoded. */
export interface DropSample {
  time: string;
  /** Ingress port for what was dropped on arrival, egress port else. */
  port: string;
  /** Bytes of the frame, its outer tag included. */
  length: number;
  /** Its first bytes, in hex, the outer tag put back where it was. */
  bytes: string;
  /** In words, like `02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, 802.1Q vlan 10 p 5, ARP who-has 10.0.0.2 tell 10.0.0.1`. */
  summary: string;
}

export interface DropView {
  reason: string;
  sentence: string;
  count: number;
  /** Newest last, a handful. */
  samples: DropSample[];
}

export const EXPLAIN_STAGES = ['admit', 'vlan', 'logic', 'source', 'destination', 'egress'] as const;
export type ExplainStage = (typeof EXPLAIN_STAGES)[number];

export interface ExplainRequest {
  port: string;
  /** The frame from its destination address on, without FCS, in hex; spaces, colons and line breaks are ignored. */
  frame: string;
}

/** What becomes of one copy. */
export interface ExplainedCopy {
  port: string;
  /** As it would be sent, in hex; null if it is not. */
  frame: string | null;
  /** In words, like the sample of a drop. */
  summary: string | null;
  /** Why it is not sent. */
  reason: string | null;
  text: string;
}

/** What the switch would do with a frame that arrived now. */
export interface ExplainView {
  port: string;
  summary: string;
  outcome: 'forwarded' | 'flooded' | 'dropped';
  /** Drop reason at ingress, with its sentence; null if it is not dropped there. */
  reason: string | null;
  vlan: number | null;
  stages: { stage: ExplainStage; verdict: string; text: string }[];
  /** Every port of the frame's VLAN, and why it gets a copy or does not. */
  egress: ExplainedCopy[];
}

/** What is to be captured; what is left out has its default (control/capture/capture-request.ts). */
export interface CaptureRequest {
  /** Names; empty: all, also those that are added later. */
  ports?: string[];
  vlans?: number[];
  direction?: CaptureDirection;
  /** Dropped frames only, wherever they were dropped. */
  drops?: boolean;
  filter?: string | null;
  /** Bytes of each frame that are kept at most. */
  snaplen?: number;
  /** Frames after which it ends. */
  count?: number | null;
  seconds?: number | null;
  /** Bytes of pcapng after which it ends. */
  maxBytes?: number;
}

export const CAPTURE_STATES = ['waiting', 'running', 'ended'] as const;
/** Why a capture ended. `reader`: who read it went away. */
export const CAPTURE_ENDS = ['stopped', 'count', 'seconds', 'size', 'reader', 'failed', 'daemon'] as const;
export type CaptureEnd = (typeof CAPTURE_ENDS)[number];

export interface CaptureView extends Required<CaptureRequest> {
  id: string;
  state: (typeof CAPTURE_STATES)[number];
  started: string | null;
  ended: string | null;
  reason: CaptureEnd | null;
  /** Frames and bytes of pcapng written, and frames that came faster than they were taken. */
  frames: number;
  bytes: number;
  missed: number;
}

export { RECORDING_ENDS } from '../shared/recording.ts';

/** How much is to be recorded; what is left out has its default (control/recording/recording-request.ts). */
export interface RecordingRequest {
  /** Frames after which it ends. */
  count?: number | null;
  seconds?: number | null;
  maxBytes?: number;
}

export interface RecordingView extends Required<RecordingRequest> {
  id: string;
  state: (typeof CAPTURE_STATES)[number];
  /** Each records a section of its own. */
  workers: number;
  started: string | null;
  ended: string | null;
  reason: RecordingEndReason | null;
  frames: number;
  bytes: number;
}

/** Recordings of the workers' exact inputs, one at a time. */
export interface RecordingControl {
  /** One that waits for its reader. */
  add(request: RecordingRequest): RecordingView;
  list(): RecordingView[];
  show(id: string): RecordingView;
  /** Runs it, and gives it until it ends. Who stops reading ends it. */
  read(id: string): Promise<ReadableStream<Uint8Array>>;
  /** Ends one that runs; forgets one that waits. */
  stop(id: string): Promise<void>;
}

/** The switch as API and CLI see it. Every method throws TswitchError (control/errors.ts) for what it refuses. */
export interface SwitchControl {
  ports(): PortView[];
  port(name: string): PortView;
  addPort(request: PortRequest): Promise<PortView>;
  patchPort(name: string, patch: PortPatch): Promise<PortView>;
  removePort(name: string): Promise<void>;
  /**
   * Adds a port that is somebody else's wish; whoever adds it removes it.
   *
   * @param options.orLost a port that cannot be attached now is added all the same, and comes back by itself
   */
  addOwnedPort(port: OwnedPort, options?: { orLost?: boolean }): Promise<PortView>;
  /** One that is not there is fine. */
  removeOwnedPort(name: string): Promise<void>;
  /** Null: no owner has such a port. */
  ownedPortState(name: string): PortState | null;
  vlans(): VlanView[];
  /** By VLAN and address. A table of many entries is looked through in slices, so what changes meanwhile may be missing. */
  fdb(filter: FdbFilter, page: { limit: number; cursor?: string }): Promise<FdbPage>;
  fdbUsage(): FdbUsage;
  /** Gives an entry; it replaces a learned or given one of the same address and VLAN. */
  addFdb(request: FdbRequest): Promise<FdbEntryView>;
  removeFdb(vlan: number, mac: string): Promise<void>;
  flushFdb(filter: FdbFilter): Promise<number>;
  settings(): SwitchView;
  patchSettings(patch: SwitchPatch): Promise<SwitchView>;
  /** What is wished at the moment: everything that was asked for. */
  config(): ConfigView;
  /** What is wrong with a document by itself, some of whose parts may be left out. */
  configProblems(draft: Draft): Promise<Problem[]>;
  /** Brings the switch to the document as a whole, or changes nothing. */
  applyConfig(wanted: WishRequest, options?: ApplyOptions): Promise<ApplyResult>;
  /** Keeps what was applied with `confirmWithin`. */
  confirmConfig(options?: Pick<ApplyOptions, 'ifMatch'>): Promise<void>;
  stats(): StatsView;
  drops(): DropView[];
  /** What is wrong with the daemon itself, a sentence each. Ports that are down or lost are not. */
  problems(): string[];
  explain(request: ExplainRequest): Promise<ExplainView>;
  /** Examines the host and every port, or the one named, with frames of its own: what works, what is slow, what is broken. */
  examine(port?: string): Promise<Finding[]>;
  /** A capture, which waits for its reader. */
  addCapture(request: CaptureRequest): CaptureView;
  captures(): CaptureView[];
  capture(id: string): CaptureView;
  /** Runs it, and gives its pcapng until it ends. Who stops reading ends it. */
  readCapture(id: string): Promise<ReadableStream<Uint8Array>>;
  /** Ends one that runs; forgets one that does not. */
  stopCapture(id: string): void;
  readonly events: EventBus;
  readonly recordings: RecordingControl;
  /** The loaded logics. */
  readonly logic: LogicControl;
  /**
   * Ends the workers and lets go of every port. What tswitch made for the ports it removes, or, if it keeps its state, leaves
   * for its next life.
   */
  close(): Promise<void>;
}
