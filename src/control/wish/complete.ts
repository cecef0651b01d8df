/**
 * From a document as people write it to the whole of what it means: defaults filled in, spellings made one. Pure. A field that
 * is left out has its default, whatever the switch has at the moment, so that one file always means one state; only the MAC
 * address that tswitch chose for a far end stays with its port, and logics stay where a document says nothing of them.
 */
import { parseUnicastMac } from '../address-text.ts';
import type { OffloadName, PortKind, SwitchSettings } from '../model.ts';
import { normalizePortRequest, type NormalPortRequest } from '../port-request.ts';
import { patchedSettings, SETTINGS_DEFAULT } from '../settings.ts';
import type { KnownRequest, Wish, WishedEntry, WishedLogic, WishRequest } from './wish.ts';

/** A document with every value in its one spelling. What is still open is for the kernel to say when a port is added. */
export interface NormalWish {
  switch: SwitchSettings;
  ports: NormalPortRequest[];
  fdb: WishedEntry[];
  logics: WishedLogic[];
}

/** Defaults that the machine has a say in. */
export interface MachineDefaults {
  offloads(kind: PortKind): OffloadName[];
  /** MTU of the netdev behind a port that there is; undefined: it will be known when it is attached. */
  mtu(port: string): number | undefined;
}

/**
 * @param current what is wished at the moment
 * @throws TswitchError BAD_REQUEST where documentProblems (problems.ts) would find something
 */
export function completeWish(request: KnownRequest, current: Wish, defaults: MachineDefaults): NormalWish {
  const before = new Map(normalWish(current).ports.map((port) => [port.name, port]));
  const ports = request.ports.map((wished) => {
    const port = normalizePortRequest(wished);
    return completePort(port, before.get(port.name), defaults);
  });
  const byName = new Map(ports.map((port) => [port.name, port]));
  const fdb = (request.fdb ?? []).map(({ mac, vlan, port, kind }) => ({
    mac: parseUnicastMac(mac, 'mac'),
    vlan: vlan ?? byName.get(port)?.vlan ?? 0,
    port,
    kind,
  }));
  return { switch: completeSettings(request.switch ?? {}), ports, fdb, logics: request.logics ?? current.logics ?? [] };
}

/** A wish that is complete already. */
export function normalWish(wish: Wish): NormalWish {
  return { ...wish, ports: wish.ports.map(normalizePortRequest), logics: wish.logics ?? [] };
}

function completePort(
  port: NormalPortRequest,
  before: NormalPortRequest | undefined,
  defaults: MachineDefaults,
): NormalPortRequest {
  const isSameNetdev = before !== undefined && before.kind === port.kind && before.netdev === port.netdev;
  return {
    ...port,
    mac: port.mac ?? (port.netns === null ? null : (before?.mac ?? null)),
    mtu: port.mtu ?? (isSameNetdev ? defaults.mtu(port.name) : undefined),
    offloads: port.offloads ?? defaults.offloads(port.kind),
  };
}

function completeSettings(patch: NonNullable<WishRequest['switch']>): SwitchSettings {
  const settings = patchedSettings(SETTINGS_DEFAULT, patch);
  const { forward, drop } = settings.reservedAddresses;
  return { ...settings, reservedAddresses: { forward: ascending(forward), drop: ascending(drop) } };
}

function ascending(addresses: string[]): string[] {
  return [...new Set(addresses.map((address) => address.toLowerCase()))].sort();
}
