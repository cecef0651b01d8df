/**
 * The wished state: what the switch is to be, as one document. `tswitch export` prints it, PUT /v1/config takes it, the store
 * keeps it. It holds what was asked for and nothing that the kernel or traffic decides: no state, no counters, no learned
 * addresses. Complete: every default is filled in, so that the same document means the same in a later version.
 */
import { createHash } from 'node:crypto';
import type {
  FdbKind,
  FdbRequest,
  PortIdentity,
  PortRequest,
  PortSettings,
  SwitchPatch,
  SwitchSettings,
} from '../model.ts';
import type { LogicRequest, LogicScopeView } from '../logic/model.ts';
import type { NormalPortRequest } from '../port-request.ts';

/** What POST /v1/ports takes, with all settings. Fields that the port's kind has no use for are left out. */
export type WishedPort = Pick<PortIdentity, 'name' | 'kind'> &
  Partial<PortIdentity> &
  PortSettings &
  Pick<PortRequest, 'createNetns' | 'gateway'>;

export interface WishedEntry {
  mac: string;
  vlan: number;
  port: string;
  kind: Exclude<FdbKind, 'dynamic'>;
}

/** A version of a logic that is asked, or compared in shadow. */
export interface WishedLogic extends LogicScopeView {
  /** As the file says. */
  name: string;
  /** Absolute path. */
  file: string;
  /** SHA-256 of the file as it was checked, in hex: no other code runs for this wish. What it imports is not part of it. */
  sha256: string;
  /** As they were given, without what the schema adds. */
  params: Record<string, unknown>;
  shadow: boolean;
}

/** Ports in the order of their names, entries in that of VLAN and address: one state has one document. */
export interface Wish {
  switch: SwitchSettings;
  ports: WishedPort[];
  fdb: WishedEntry[];
  /** In the order they are asked; left out where there are none. */
  logics?: WishedLogic[];
}

/** A logic as people write it; a name or digest that is given must be the file's. */
export type LogicWish = LogicRequest & Partial<Pick<WishedLogic, 'name' | 'sha256'>>;

/** A document as people write it: what is left out has its default. */
export interface WishRequest {
  switch?: SwitchPatch;
  ports: PortRequest[];
  fdb?: FdbRequest[];
  /** Left out: they stay as they are, since loading code takes a permission of its own. */
  logics?: LogicWish[];
}

/** One whose logics were looked at. */
export type KnownRequest = Omit<WishRequest, 'logics'> & { logics?: WishedLogic[] };

/** An applied document that is taken back at `until` unless it is confirmed; plain data, so that it can be kept. */
export interface Pending {
  /** RFC 3339, UTC. */
  until: string;
  /** What was wished before, and will be again. */
  previous: Wish;
}

/** The wished state of the moment. */
export interface ConfigView {
  wish: Wish;
  /** Moves with every acknowledged change; counts from 0, and goes on where kept state ended. */
  generation: number;
  pending: Pending | null;
}

/** @param mac of the far end, where the port has one that tswitch made */
export function wishedPort(request: NormalPortRequest, mac: string | null, settings: PortSettings): WishedPort {
  const { name, kind, netdev, netns, ifname, addresses, createNetns, gateway } = request;
  const place =
    netns === null
      ? { netdev }
      : {
          netns,
          ifname,
          addresses,
          mac,
          ...(gateway === null ? {} : { gateway }),
          ...(createNetns ? { createNetns } : {}),
        };
  return { name, kind, ...place, ...settings };
}

/** Brings ports and entries into the order of a document. Logics have an order of their own. */
export function inOrder(wish: Wish): Wish {
  const { switch: settings, ports, fdb, logics = [] } = wish;
  const ordered = { switch: settings, ports: ports.toSorted(byName), fdb: fdb.toSorted(byKey) };
  return logics.length === 0 ? ordered : { ...ordered, logics };
}

function byName(a: WishedPort, b: WishedPort): number {
  return compare(a.name, b.name);
}

function byKey(a: WishedEntry, b: WishedEntry): number {
  return a.vlan - b.vlan || compare(a.mac, b.mac);
}

/** By code units, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** SHA-256 of the document, in hex: two states with the same digest are the same. */
export function digestOf(wish: Wish): string {
  return createHash('sha256').update(JSON.stringify(wish)).digest('hex');
}
