/** What the callers of networks say and see, and what is kept of each. */
import type { NetnsMemory } from '../control/attach/netns-memory.ts';
import type { PortRequest, RateLimits } from '../control/model.ts';
import type { WholeConfig } from './config/whole-config.ts';
import type { ContainersControl } from './model/container.ts';
import type { AddressPoolsControl, HandoversControl } from './model/handed.ts';
import type { NicsControl } from './model/nic.ts';

export type * from './model/container.ts';
export type * from './model/handed.ts';
export type * from './model/kept.ts';
export type * from './model/nic.ts';

export const NETWORK_DRIVERS = ['bridge', 'host', 'none'] as const;
export type NetworkDriver = (typeof NETWORK_DRIVERS)[number];

export const PROTOCOLS = ['tcp', 'udp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A pool of addresses. */
export interface SubnetSettings {
  /** In CIDR notation, its address that of the network. */
  subnet: string;
  /** The host's address in it. */
  gateway: string;
  /** Part of the subnet from which addresses are chosen; null: all of it. */
  ipRange: string | null;
  /** Addresses that are never chosen, by the names of whoever has them. */
  auxAddresses: Record<string, string>;
}

/** POST /v1/networks. Fields that are left out have their defaults. */
export interface NetworkRequest {
  name: string;
  driver?: NetworkDriver;
  /** One or more of either family; none: one of IPv4 is allotted, and with `ipv6` one of that. */
  subnets?: (Pick<SubnetSettings, 'subnet'> & Partial<SubnetSettings>)[];
  ipv6?: boolean;
  vlan?: number;
  internal?: boolean;
  isolated?: boolean;
  mtu?: number;
  dns?: boolean;
  labels?: Record<string, string>;
}

/** What is fixed for a network's life. */
export interface NetworkSettings {
  name: string;
  driver: NetworkDriver;
  /** The VLAN of the switch that the network is; null for drivers other than `bridge`. */
  vlan: number | null;
  /** No way out and none in. */
  internal: boolean;
  /** Members reach the gateway only. */
  isolated: boolean;
  /** Of its members' interfaces, in bytes. */
  mtu: number;
  /** Whether its gateway answers names. */
  dns: boolean;
  labels: Record<string, string>;
}

/** A name by which one member alone knows another. */
export interface Link {
  container: string;
  alias: string;
}

/** Ports of the host, or one, that lead to as many of a member. */
export interface Published {
  protocol: Protocol;
  /** The address of the host; null: all, of both families. */
  hostIp: string | null;
  hostPort: number;
  containerPort: number;
  /** How many ports from these on. */
  count: number;
}

/** POST /v1/networks/{network}/connect. */
export interface ConnectRequest extends Partial<RateLimits> {
  /** A namespace: a name under /run/netns, a path or a pid. */
  container: string;
  /** By default the namespace's name; required for paths and pids. */
  name?: string;
  /** One of a subnet at most; others are chosen. */
  addresses?: string[];
  mac?: string;
  ifname?: string;
  aliases?: string[];
  links?: Link[];
  publish?: Published[];
}

/** A member's place in a network, as it is kept; an earlier version kept no limits. */
export interface EndpointRecord extends Partial<RateLimits> {
  id: string;
  name: string;
  netns: string;
  ifname: string;
  mac: string;
  /** With prefix length, in the order of the network's subnets. */
  addresses: string[];
  aliases: string[];
  links: Link[];
  published: Published[];
  /** Whether the namespace's default routes go by this network. */
  isDefaultRoute: boolean;
  /** What the namespace is known by where it is a process's: never is a stranger with its pid taken for it. */
  remembered: NetnsMemory | null;
  /** Left out: tswitch put the interface into its namespace itself. */
  handed?: Handed;
}

/** What a port has of its own, in place of its network's. */
export type HandedPort = Pick<PortRequest, 'mode' | 'vlan' | 'trunks' | 'isolated'>;

/** Of a member whose interface somebody else (Docker) takes into a namespace, which `netns` has the file of; empty: not yet. */
export interface Handed {
  port: HandedPort;
  /** When it came, was taken or left last, in ms since 1970. */
  since: number;
}

export interface SubnetRecord extends SubnetSettings {
  /** The address given last: the next one is looked for behind it; null: none was. */
  last: string | null;
  /** Addresses that were released lately, oldest first: they are chosen again only when no other is left. */
  released: string[];
}

export interface NetworkRecord extends NetworkSettings {
  /** 64 hex digits. */
  id: string;
  /** RFC 3339, UTC. */
  created: string;
  subnets: SubnetRecord[];
  endpoints: EndpointRecord[];
  /** Who made it and has its members; left out: whoever uses tswitch itself. */
  owner?: 'docker';
  /** False: the gateway is another machine, and the host has no place in the network. */
  hostGateway?: boolean;
  /** Of each member that has none of its own; left out: none, as with an earlier version. */
  limits?: RateLimits;
}

/** A setting of the host's kernel that was changed, to be put back. */
export interface SysctlChange {
  /** As sysctl(8) names it. */
  name: string;
  before: string;
  now: string;
}

export interface EndpointView extends Omit<EndpointRecord, 'remembered' | 'handed' | keyof RateLimits>, RateLimits {
  /** The port of the switch. */
  port: string;
  state: 'up' | 'down' | 'lost';
}

export interface GatewayView {
  /** The port of the switch, and the interface at its other side, in the host. */
  port: string;
  ifname: string;
  mac: string;
  /** Table of nftables with the network's rules; null: it has none. */
  nftTable: string | null;
}

export interface NetworkView extends NetworkSettings {
  id: string;
  created: string;
  scope: 'local';
  /** Who made it and has its members. */
  owner: 'tswitch' | 'docker';
  subnets: SubnetSettings[];
  /** Null: it has not come up, which it does with the first member. */
  gateway: GatewayView | null;
  /** Settings of the host's kernel that networks changed; they are put back when the last of these goes. */
  sysctls: SysctlChange[];
  containers: EndpointView[];
}

/** The whole configuration: the switch's with networks. */
export type WholeConfigControl = Pick<WholeConfig, 'view' | 'apply'>;

export interface PruneOptions {
  /** Also gives back the pools that Docker asked for and no network of Docker's here has. */
  pools?: boolean;
}

/** What is no more. */
export interface Pruned {
  /** Names of networks. */
  removed: string[];
  /** Subnets of pools. */
  pools: string[];
}

/** Networks as API and CLI see them. Every method throws TswitchError for what it refuses, and then changes nothing. */
export interface NetworksControl {
  list(): NetworkView[];
  /** @param name or the beginning of an id that only one has */
  inspect(name: string): NetworkView;
  create(request: NetworkRequest): Promise<NetworkView>;
  remove(name: string): Promise<void>;
  /** Removes all networks without members but those that exist always, and Docker's. */
  prune(options?: PruneOptions): Promise<Pruned>;
  connect(name: string, request: ConnectRequest): Promise<EndpointView>;
  /** @param container its name in the network, or its namespace */
  disconnect(name: string, container: string): Promise<void>;
  readonly containers: ContainersControl;
  readonly nics: NicsControl;
  readonly config: WholeConfigControl;
  readonly handovers: HandoversControl;
  readonly pools: AddressPoolsControl;
  /** Takes down gateways and members' ports, or, if networks are kept, leaves them for the daemon's next life. */
  close(): Promise<void>;
}
