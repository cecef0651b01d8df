/** Networks of somebody else (Docker), who takes the members' interfaces himself, or addresses only. */
import type { RateLimits } from '../../control/model.ts';
import type { EndpointRecord, HandedPort, NetworkRecord, NetworkRequest, Published } from '../model.ts';

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
