/**
 * What the control plane tells workers, by MessagePort, between batches. A worker reads its port when the epoch word moved,
 * obeys all that has come, and acknowledges the epoch: from then on nothing it does rests on the older state.
 */
export { OFFLOAD_CSUM, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO, OFFLOADS_ALL } from '../frame/vnet-header.ts';

export type WirePortMode = 'access' | 'trunk' | 'native-tagged' | 'native-untagged';

/** What of a port the data path needs to know and may change while it works. */
export interface PortConfig {
  mode: WirePortMode;
  /** Access or native VLAN; 0 in mode `trunk`. */
  vlan: number;
  /** VIDs a trunk carries; empty: all. */
  trunks: readonly number[];
  /** Largest payload sent out of the port, in bytes. */
  mtu: number;
  learning: boolean;
  floodUnknown: boolean;
  floodMulticast: boolean;
  floodBroadcast: boolean;
  isolated: boolean;
  /** Administratively up and with a carrier. */
  up: boolean;
  /** OFFLOAD_* bits that the port's other side takes. */
  offloads: number;
}

export interface SwitchConfig {
  /** Bit n: 01:80:c2:00:00:0n is forwarded. */
  forwardReserved: number;
}

/** A TPACKET_V2 receive ring: blocks of whole slots, mapped at `offset` of the worker's arena. */
export interface RingGeometry {
  offset: number;
  slotBytes: number;
  slotsPerBlock: number;
  blockBytes: number;
  blocks: number;
}

/** What a worker needs to move frames of a port: numbers only, all of it owned by the control plane. */
export type PortResources =
  { kind: 'packet'; sendFd: number; rings: { fd: number; geometry: RingGeometry }[] } | { kind: 'tap'; fd: number };

export type Command =
  | { do: 'open'; handle: number; resources: PortResources; config: PortConfig }
  | { do: 'configure'; handle: number; config: PortConfig }
  | { do: 'close'; handle: number }
  | { do: 'switch'; config: SwitchConfig }
  | { do: 'fdb'; table: SharedArrayBuffer }
  | { do: 'stop' };
