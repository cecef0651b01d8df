/** What attaching a port of any kind gives the switch, and what it needs for that. */
import type { Arena } from '../../../native-bindings/arena.ts';
import { MTU_DEFAULT } from '../../limits.ts';
import type { RingPlace } from '../../ports/packet-ring.ts';
import type { PortResources } from '../../shared/commands.ts';
import type { PortIdentity, RateLimits, XdpMode } from '../model.ts';
import type { LinkMonitor } from '../plumbing/link-monitor.ts';
import type { Owner } from '../plumbing/ownership.ts';
import type { NormalPortRequest } from '../port-request.ts';
import type { KeptSockets } from './kept-sockets.ts';
import type { NetnsMemory } from './netns-memory.ts';

/** A worker's sockets of one port. They are closed with the attachment. */
export interface PortSockets {
  readonly resources: PortResources;
  /** Frames lost so far before they could be read; kept once the netdev is gone. */
  overflowed(): number;
  /** Where its rings are to be read from; where nothing is said, from their start. */
  places?(): RingPlace[];
}

/** What the kernel says of the netdev behind a port. */
export interface LinkState {
  up: boolean;
  /** The netdev, or the namespace it was in, is gone. */
  lost: boolean;
}

export interface AttachContext {
  handle: number;
  /** One per worker. */
  arenas: Arena[];
  links: LinkMonitor;
  /** Whether the kernel carries UDP segmentation in virtio-net headers. */
  uso: boolean;
  /** Whose what is made is, and what is taken over is. */
  owner: Owner;
  /** What outlives the daemon of sockets. */
  sockets: KeptSockets;
  /** Of a port that was lost, or that an earlier life of the daemon had: what its namespace must be, to be the same one. */
  remembered: NetnsMemory | null;
  onLink: (state: LinkState) => void;
}

export interface Attachment {
  readonly identity: PortIdentity;
  /** MTU of the netdev: the default for ports whose netdev exists already. */
  readonly netdevMtu: number;
  readonly link: LinkState;
  /** One per worker. */
  readonly sockets: PortSockets[];
  /** Kind `xdp`: where its XDP program runs, and how many queues it serves. */
  readonly xdp: { mode: XdpMode; queues: number } | null;
  /** What the far end's namespace was called and is known by; null where there is no far end. */
  readonly remembered: NetnsMemory | null;
  /** A worker found the port broken: asks the kernel now. Null where the kernel tells by itself. */
  readonly check: (() => void) | null;
  /** Changes the far end's MTU, where tswitch made it. */
  setMtu(mtu: number): Promise<void>;
  /** Has the kernel keep these limits; where one of them cannot be, those before stay. */
  setLimits(limits: RateLimits): Promise<void>;
  /** Has what tswitch made for the port outlive the process. */
  keep(): void;
  /** Takes everything down that tswitch made for the port. Every worker must have acknowledged that the port is closed. */
  close(): Promise<void>;
  /** Lets go of the port at the end of the daemon, and leaves what was made, and kept, for its next life. */
  leave(): Promise<void>;
}

/** What stands for the attachment of a port that is lost: nothing of it is there. */
export function lostAttachment(before: Pick<Attachment, 'identity' | 'netdevMtu' | 'remembered'>): Attachment {
  return {
    identity: before.identity,
    netdevMtu: before.netdevMtu,
    link: { up: false, lost: true },
    sockets: [],
    xdp: null,
    remembered: before.remembered,
    check: null,
    setMtu: () => Promise.resolve(),
    setLimits: () => Promise.resolve(),
    keep: () => undefined,
    close: () => Promise.resolve(),
    leave: () => Promise.resolve(),
  };
}

/** The same for a port that could not be attached yet. */
export function absentAttachment(request: NormalPortRequest, remembered: NetnsMemory | null): Attachment {
  const { name, kind, netdev, netns, ifname, addresses, mac, mtu } = request;
  const identity = { name, kind, netdev, netns, ifname, addresses, mac };
  return lostAttachment({ identity, netdevMtu: mtu ?? MTU_DEFAULT, remembered });
}

export type Attach = (request: NormalPortRequest, context: AttachContext) => Promise<Attachment>;
