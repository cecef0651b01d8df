/**
 * What the control plane tells workers, by MessagePort, between batches. A worker reads its port when the epoch word moved,
 * obeys all that has come, and acknowledges the epoch: from then on nothing it does rests on the older state.
 */
import type { Filter } from '../frame/filter.ts';
import type { LogicLoad, LogicReport } from './logic-load.ts';
import type { RecordingEndReason } from './recording.ts';

export { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO, OFFLOADS_ALL } from '../frame/vnet-header.ts';

export type WirePortMode = 'access' | 'trunk' | 'native-tagged' | 'native-untagged' | 'dot1q-tunnel' | 'transparent';
export type WirePriorityTags = 'never' | 'if-nonzero' | 'always';

/** What of a port the data path needs to know and may change while it works. */
export interface PortConfig {
  /** For loaded logics, which know ports by name; missing: its handle in digits. */
  name?: string;
  mode: WirePortMode;
  /** Access or native VLAN; 0 in mode `trunk`. */
  vlan: number;
  /** VIDs a trunk carries; empty: all. */
  trunks: readonly number[];
  /** Inner VIDs that may enter or leave a `dot1q-tunnel`; empty: any, and none. */
  cvlans: readonly number[];
  /** 0x88a8 or 0x8100: what `dot1q-tunnel` and `transparent` push towards trunks. */
  tpid: number;
  priorityTags: WirePriorityTags;
  /** Largest payload sent out of the port, in bytes. */
  mtu: number;
  learning: boolean;
  floodUnknown: boolean;
  floodMulticast: boolean;
  floodBroadcast: boolean;
  isolated: boolean;
  /** Frames per second that may enter to be flooded, by class; null: no limit. */
  broadcastLimit: number | null;
  multicastLimit: number | null;
  unknownLimit: number | null;
  /** Cut off, because it is part of a loop. */
  blocked: boolean;
  /** Administratively up and with a carrier. */
  up: boolean;
  /** OFFLOAD_* bits that the port's other side takes. */
  offloads: number;
  mirror: WireMirror | null;
}

/** A port as it is where nothing else is said, its other side taking no offloads. */
export const PORT_CONFIG_DEFAULT: PortConfig = {
  mode: 'access',
  vlan: 1,
  trunks: [],
  cvlans: [],
  tpid: 0x88a8,
  priorityTags: 'never',
  mtu: 1500,
  learning: true,
  floodUnknown: true,
  floodMulticast: true,
  floodBroadcast: true,
  isolated: false,
  broadcastLimit: null,
  multicastLimit: null,
  unknownLimit: null,
  blocked: false,
  up: true,
  offloads: 0,
  mirror: null,
};

/** Copies of a port's frames. Those for a file are recorded (see CaptureOrders); the worker sends those for a port. */
export interface WireMirror {
  /** Handle of the port that gets them; null: a file does. */
  to: number | null;
  file: string | null;
  received: boolean;
  sent: boolean;
  /** Frames of these VLANs only; empty: of all. */
  vlans: readonly number[];
}

export interface SwitchConfig {
  /** For each n from 0 to 47 whether 01:80:c2:00:00:n is forwarded like any group address. */
  forwardReserved: readonly boolean[];
  /** Time that a worker looks for frames before it sleeps, at most, in microseconds. */
  busyPollMicros: number;
}

/** A TPACKET_V2 receive ring: blocks of whole slots, mapped at `offset` of the worker's arena. */
export interface RingGeometry {
  offset: number;
  slotBytes: number;
  slotsPerBlock: number;
  blockBytes: number;
  blocks: number;
}

/** A ring of an AF_XDP socket, mapped into the worker's arena: offsets of its two words and of its first entry. */
export interface XdpRing {
  producer: number;
  consumer: number;
  entries: number;
  /** Entries it holds: a power of two. */
  size: number;
}

/** What a worker needs to move frames of a port: numbers only, all of it owned by the control plane. */
export type PortResources =
  | { kind: 'packet'; sendFd: number; sendFinishedFd: number; rings: { fd: number; geometry: RingGeometry }[] }
  /** A TAP has one queue: one worker receives from it, all send to it. */
  | { kind: 'tap'; fd: number; receives: boolean }
  | {
      kind: 'xdp';
      /** Offset of the UMEM in the arena: addresses in the rings count from there. */
      umem: number;
      /** The receive queues that are this worker's. */
      queues: { fd: number; received: XdpRing; fill: XdpRing }[];
      send: XdpSend;
    };

/** By the transmit ring of a queue that is the worker's own, or by a packet socket where it has none. */
export type XdpSend =
  { kind: 'ring'; fd: number; sent: XdpRing; completed: XdpRing } | { kind: 'packet'; sendFd: number };

/** What a worker is to record, for whom: all of it anew each time. */
export interface CaptureOrders {
  /** The worker's own ring (capture-ring.ts). */
  ring: SharedArrayBuffer;
  sinks: readonly CaptureSink[];
  /** Sinks as bits. */
  ports: readonly { handle: number; port: number; received: number; sent: number; dropped: number }[];
}

export interface CaptureSink {
  /** Below SINKS_MAX. */
  sink: number;
  /** Bytes of a frame that are kept at most. */
  snapLength: number;
  /** Frames of these VLANs only; empty: of all. */
  vlans: readonly number[];
  /** Null: all frames. */
  filter: Filter | null;
}

/** Where a worker is to record its exact inputs. */
export interface RecordOrders {
  /** A RecordingBuffer's. */
  buffer: SharedArrayBuffer;
  /** Frames after which it ends; Infinity: none. */
  framesMax: number;
  /** Images that are made of the FDB in a tick, at most: each takes the worker some milliseconds. */
  imagesPerTickMax: number;
  /** How many workers there are. */
  workers: number;
  /** Of tswitch. */
  version: string;
  /** When it begins, as Date has it. */
  startedMs: number;
  /** What the clock of FDB ticks showed when Date.now() was 0, in milliseconds. */
  clockAtEpochMs: number;
}

/** What a test makes a worker do, to see that it is replaced. */
export type Fault = 'throw' | 'hang';

export type Command =
  | { do: 'open'; handle: number; resources: PortResources; config: PortConfig }
  | { do: 'configure'; handle: number; config: PortConfig }
  | { do: 'close'; handle: number }
  | { do: 'switch'; config: SwitchConfig }
  | { do: 'fdb'; table: SharedArrayBuffer }
  /** Null: record nothing. */
  | { do: 'capture'; orders: CaptureOrders | null }
  | { do: 'record'; orders: RecordOrders }
  | { do: 'end-record'; reason: RecordingEndReason }
  | { do: 'probe'; handle: number; vlan: number }
  /** The loaded logics from now on, in the order they are asked; those in shadow among them. */
  | { do: 'logics'; logics: readonly LogicLoad[] }
  | { do: 'fault'; fault: Fault }
  | { do: 'stop' };

/** What a worker says, by the same MessagePort: a port's netdev seems to be gone, or something of a loaded logic. */
export type WorkerReport = { failed: number } | LogicReport;
