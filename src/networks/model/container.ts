/** Commands in namespaces of their own, with places in networks. */
import type { NicRequest } from './nic.ts';
import type { ConnectRequest, EndpointView } from '../model.ts';

/** A command in a namespace of its own, started by `tswitch run`, as it is kept. */
export interface ContainerRecord {
  /** 64 hex digits. */
  id: string;
  name: string;
  /** RFC 3339, UTC. */
  created: string;
  hostname: string;
  command: string[];
  /** Name of a network, `host` or `none`. */
  network: string;
  /** Under /run/netns, made for it; null on network `host`. */
  netns: string | null;
  /** It is removed when its process has ended. */
  autoRemove: boolean;
  /** The process, and when it started in clock ticks since boot, which tells it from a later one with its number. */
  process: { pid: number; start: number } | null;
}

/** POST /v1/containers. */
export interface ContainerRequest extends Omit<ConnectRequest, 'container' | 'ifname'> {
  /** NICs of the host that it has for itself. */
  nics?: (Omit<NicRequest, 'container'> & { nic: string })[];
  hostname?: string;
  command: string[];
  network?: string;
  autoRemove?: boolean;
}

export interface ContainerView extends Omit<ContainerRecord, 'process'> {
  /** `created`: its command has not been started. */
  state: 'created' | 'running' | 'exited';
  pid: number | null;
  /** NICs of the host that it has for itself. */
  nics: string[];
  /** Its places in networks. */
  endpoints: (EndpointView & { network: string })[];
}

/** Commands in namespaces of their own. Whoever runs one asks for its place first, and starts the process himself. */
export interface ContainersControl {
  list(): ContainerView[];
  /** @param name or the beginning of an id that only one has */
  inspect(name: string): ContainerView;
  create(request: ContainerRequest): Promise<ContainerView>;
  started(name: string, pid: number): Promise<ContainerView>;
  /** Has the process end, and after so many seconds makes it; and with it all that is left in its namespace. */
  stop(name: string, seconds: number): Promise<ContainerView>;
  /** @param force also one that runs, which is stopped at once */
  remove(name: string, force: boolean): Promise<void>;
}
