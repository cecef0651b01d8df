/** What is kept of networks beyond the daemon's end, and where. */
import type { NetworkRecord, SubnetRecord, SysctlChange } from '../model.ts';
import type { ContainerRecord } from './container.ts';
import type { NicRecord } from './nic.ts';

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
