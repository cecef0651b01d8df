/** NICs of the host that namespaces have for themselves. */
import type { NetnsMemory } from '../../control/attach/netns-memory.ts';

/** POST /v1/nics/{nic}/connect. */
export interface NicRequest {
  /** A namespace: a name under /run/netns, a path or a pid. */
  container: string;
  /** Its name there; by default the one that it has. */
  ifname?: string;
  /** With prefix length. */
  addresses?: string[];
  /** Default route there. */
  gateway?: string;
  /** Even if the host's own default route goes by it. */
  force?: boolean;
}

/** A NIC of the host that is given whole to a namespace, as it is kept. */
export interface NicRecord {
  /** Its name in the host. */
  name: string;
  netns: string;
  /** Its name in the namespace. */
  ifname: string;
  addresses: string[];
  gateway: string | null;
  /** Its MAC address and its driver's word for it (null for hardware), by which it is known again, wherever it is. */
  mac: string;
  kind: string | null;
  remembered: NetnsMemory | null;
  /** What it was in the host, and will be again. */
  before: { isUp: boolean; mtu: number; addresses: string[] };
}

export interface NicView extends Pick<NicRecord, 'name' | 'netns' | 'ifname' | 'addresses' | 'gateway' | 'mac'> {
  /** `lost`: neither in its namespace nor in the host. */
  state: 'given' | 'lost';
}

/** NICs that namespaces have for themselves. */
export interface NicsControl {
  list(): Promise<NicView[]>;
  connect(name: string, request: NicRequest): Promise<NicView>;
  /** Brings it back to the host. One that is lost is forgotten. */
  disconnect(name: string): Promise<void>;
}
