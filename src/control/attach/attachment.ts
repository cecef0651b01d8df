/** What attaching a port of any kind gives the switch, and what it needs for that. */
import type { Arena } from '../../../native-bindings/arena.ts';
import type { PortResources } from '../../shared/commands.ts';
import type { PortIdentity } from '../model.ts';
import type { LinkMonitor } from '../plumbing/link-monitor.ts';
import type { NormalPortRequest } from '../port-request.ts';

/** A worker's sockets of one port. */
export interface PortSockets {
  readonly resources: PortResources;
  /** Frames lost so far before they could be read. */
  overflowed(): number;
  close(): void;
}

/** What the kernel says of the netdev behind a port. */
export interface LinkState {
  up: boolean;
  /** The netdev, or the namespace it was in, is gone. */
  lost: boolean;
}

export interface AttachContext {
  /** One per worker. */
  arenas: Arena[];
  links: LinkMonitor;
  /** Whether the kernel carries UDP segmentation in virtio-net headers. */
  uso: boolean;
  onLink: (state: LinkState) => void;
}

export interface Attachment {
  readonly identity: PortIdentity;
  /** MTU of the netdev: the default for ports whose netdev exists already. */
  readonly netdevMtu: number;
  readonly link: LinkState;
  /** One per worker. */
  readonly sockets: PortSockets[];
  /** Changes the far end's MTU, where tswitch made it. */
  setMtu(mtu: number): Promise<void>;
  /** Takes everything down that tswitch made for the port. Every worker must have acknowledged that the port is closed. */
  close(): Promise<void>;
}

export type Attach = (request: NormalPortRequest, context: AttachContext) => Promise<Attachment>;
