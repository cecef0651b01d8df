/** What the callers of networks say and see, and what is kept of them. */
import type { NetnsMemory } from '../control/attach/netns-memory.ts';
import type { PortRequest, RateLimits } from '../control/model.ts';
import type { WholeConfig } from './config/whole-config.ts';

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

/** Everything that is kept of networks: one JSON document. */
export interface NetworksDocument {
  networks: NetworkRecord[];
  containers: ContainerRecord[];
  nics: NicRecord[];
  sysctls: SysctlChange[];
  /** The first 48 bits of the IPv6 subnets that are allotted (RFC 4193, section 3.2.2), like `fd12:3456:789a`. */
  ipv6Prefix: string;
  /** The kernel's run (boot_id) in which pids mean something. */
  boot: string;
  /** Of whoever has tswitch manage addresses only. */
  pools?: PoolRecord[];
}

/** A pool of addresses apart from any network. */
export interface PoolRecord extends Pick<SubnetRecord, 'subnet' | 'ipRange' | 'last' | 'released'> {
  id: string;
  given: GivenAddress[];
}

export interface GivenAddress {
  address: string;
  /** Of the member that it is for; null: it is no member's. */
  mac: string | null;
  /** ms since 1970. */
  since: number;
}

/** Where the document is kept. `save` resolves once it cannot be lost any more. */
export interface NetworkStore {
  /** What was kept before, as far as it still means something; null: nothing was. */
  readonly kept: NetworksDocument | null;
  /** Whether what is saved outlives the daemon. */
  readonly keeps: boolean;
  /** What had to be set aside, in words for people. */
  readonly notices: readonly string[];
  save(document: NetworksDocument): Promise<void>;
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

/** Networks as API and CLI see them. Every method throws TswitchError for what it refuses, and then changes nothing. */
export interface NetworksControl {
  list(): NetworkView[];
  /** @param name or the beginning of an id that only one has */
  inspect(name: string): NetworkView;
  create(request: NetworkRequest): Promise<NetworkView>;
  remove(name: string): Promise<void>;
  /** Removes all networks without members but those that exist always. @returns their names */
  prune(): Promise<string[]>;
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

export interface HandedNetworkRequest extends Omit<NetworkRequest, 'driver' | 'ipv6' | 'dns'> {
  /** 64 hex digits, chosen by whoever makes it. */
  id: string;
  hostGateway: boolean;
  /** Of each member that has none of its own. */
  limits: Partial<RateLimits>;
}

export interface HandedEndpointRequest extends Pick<EndpointRecord, 'id' | 'addresses' | 'mac'> {
  port: HandedPort;
  /** In place of the network's. */
  limits: Partial<RateLimits>;
}

/** An interface that waits in the host to be taken. */
export interface TakenInterface {
  ifname: string;
  /** Where default routes are to lead; none: nowhere. */
  gateways: string[];
}

/**
 * Networks whose members' interfaces somebody else takes into namespaces. Every call may come twice; what is to be removed may be
 * gone already.
 */
export interface HandoversControl {
  networks(): NetworkRecord[];
  createNetwork(request: HandedNetworkRequest): Promise<void>;
  /** With its members. */
  removeNetwork(id: string): Promise<void>;
  /** @returns the MAC address that it has */
  createEndpoint(networkId: string, request: HandedEndpointRequest): Promise<string>;
  /** @param netns file of the namespace, which need not be there yet */
  join(networkId: string, id: string, netns: string): Promise<TakenInterface>;
  /** The interface is about to be given back. */
  leave(networkId: string, id: string): Promise<void>;
  removeEndpoint(networkId: string, id: string): Promise<void>;
  /** These ports, and no others. */
  publish(networkId: string, id: string, published: Published[]): Promise<void>;
}

export interface PoolRequest {
  /** Null: one is allotted. */
  subnet: string | null;
  /** Part of it that addresses are chosen from; null: all of it. */
  ipRange: string | null;
  family: 4 | 6;
}

export interface AddressWish {
  /** Null: the next one. */
  address: string | null;
  mac: string | null;
  isGateway: boolean;
}

/** Pools of addresses for whoever has networks of his own. What is to be released may be gone already. */
export interface AddressPoolsControl {
  request(request: PoolRequest): Promise<{ id: string; subnet: string }>;
  release(id: string): Promise<void>;
  /** @returns the address with its prefix length */
  give(id: string, wish: AddressWish): Promise<string>;
  takeBack(id: string, address: string): Promise<void>;
}
