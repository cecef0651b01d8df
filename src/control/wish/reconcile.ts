/**
 * What has to be done so that a switch that is as `current` becomes as `wanted`, in an order in which it can be done: what goes
 * makes room first (names, netdevs, places in tables), and what comes finds everything it needs. Pure.
 */
import type { PortPatch, PortSettings, SwitchPatch, SwitchSettings } from '../model.ts';
import type { NormalPortRequest } from '../port-request.ts';
import {
  addingCutsOff,
  changeCutsOff,
  changedWords,
  logicWords,
  placeWords,
  removalCutsOff,
  settingsCutOff,
} from './action-words.ts';
import type { NormalWish } from './complete.ts';
import type { WishedEntry, WishedLogic } from './wish.ts';

export type Deed =
  | { do: 'remove-entry'; entry: WishedEntry }
  | { do: 'remove-port'; port: string }
  | { do: 'set-switch'; patch: SwitchPatch }
  /** `createNetns` is undefined where it stays. */
  | { do: 'change-port'; port: string; patch: PortPatch; createNetns: boolean | undefined }
  | { do: 'add-port'; port: string; request: NormalPortRequest }
  | { do: 'give-entry'; entry: WishedEntry }
  /** All of them: workers are told the whole list. */
  | { do: 'set-logics'; logics: WishedLogic[] };

export type Action = Deed & {
  /** What it does, in words. */
  text: string;
  /** Who or what is cut off by it, in words; null: nobody. */
  cutsOff: string | null;
};

/** Fields that a working port cannot change: it is made anew. */
const FIXED = ['kind', 'netdev', 'netns', 'ifname', 'addresses', 'mac', 'gateway'] as const;
const SETTINGS = [
  'mode',
  'vlan',
  'trunks',
  'cvlans',
  'tpid',
  'priorityTags',
  'mtu',
  'learning',
  'floodUnknown',
  'floodMulticast',
  'floodBroadcast',
  'isolated',
  'fdbLimit',
  'broadcastLimit',
  'multicastLimit',
  'unknownLimit',
  'ingressRate',
  'ingressBurst',
  'egressRate',
  'egressBurst',
  'admin',
  'offloads',
] as const satisfies readonly Exclude<keyof PortSettings, 'mirror'>[];

const SWITCH_SETTINGS = [
  'ageingSeconds',
  'fdbLimit',
  'reservedAddresses',
  'macMoveLimit',
  'macMoveHoldSeconds',
  'loopProtection',
  'loopHoldSeconds',
  'busyPollMicros',
] as const satisfies readonly (keyof SwitchSettings)[];

export function reconcile(current: NormalWish, wanted: NormalWish): Action[] {
  const before = new Map(current.ports.map((port) => [port.name, port]));
  const after = new Map(wanted.ports.map((port) => [port.name, port]));
  const remade = new Map<string, string[]>();
  for (const port of wanted.ports) {
    const fixed = fixedChanges(before.get(port.name), port);
    if (fixed.length > 0) remade.set(port.name, fixed);
  }
  const gone = (name: string): boolean => !after.has(name) || remade.has(name);
  const come = (name: string): boolean => !before.has(name) || remade.has(name);
  return [
    ...removedEntries(current.fdb, wanted.fdb, gone),
    ...current.ports.filter(({ name }) => gone(name)).map((port) => removePort(port, remade.get(port.name))),
    ...setSwitch(current, wanted),
    ...wanted.ports.flatMap((port) => (come(port.name) ? [] : changePort(before.get(port.name)!, port))),
    ...wanted.ports.filter(({ name }) => come(name)).map((port) => addPort(port, remade.has(port.name))),
    ...setMirrors(before, wanted.ports, gone, come),
    ...givenEntries(current.fdb, wanted.fdb, come),
    ...setLogics(current.logics, wanted.logics),
  ];
}

/** The fields for which the port has to be made anew; none for one that is new. */
function fixedChanges(before: NormalPortRequest | undefined, after: NormalPortRequest): string[] {
  if (!before) return [];
  return FIXED.filter((field) => {
    const isOpen = field === 'mac' && after.mac === null;
    return !isOpen && !isSame(before[field], after[field]);
  });
}

/** Entries of ports that go are gone with them. */
function removedEntries(
  current: readonly WishedEntry[],
  wanted: readonly WishedEntry[],
  gone: (port: string) => boolean,
): Action[] {
  const kept = new Set(wanted.map(keyOf));
  return current
    .filter((entry) => !gone(entry.port) && !kept.has(keyOf(entry)))
    .map((entry) => ({
      do: 'remove-entry',
      entry,
      text: `${entry.kind} address ${entry.mac} in VLAN ${entry.vlan} on port ${entry.port} is removed`,
      cutsOff: null,
    }));
}

function givenEntries(
  current: readonly WishedEntry[],
  wanted: readonly WishedEntry[],
  come: (port: string) => boolean,
): Action[] {
  const held = new Map(current.map((entry) => [keyOf(entry), entry]));
  return wanted
    .filter((entry) => {
      const before = held.get(keyOf(entry));
      return come(entry.port) || before?.port !== entry.port || before.kind !== entry.kind;
    })
    .map((entry) => ({
      do: 'give-entry',
      entry,
      text: `${entry.kind} address ${entry.mac} in VLAN ${entry.vlan} is given to port ${entry.port}`,
      cutsOff: null,
    }));
}

function removePort(port: NormalPortRequest, fields: string[] | undefined): Action {
  const why = fields ? `removed to be made anew (${fields.join(', ')})` : 'removed';
  return {
    do: 'remove-port',
    port: port.name,
    text: `port ${port.name} (${placeWords(port)}) is ${why}`,
    cutsOff: removalCutsOff(port, fields !== undefined),
  };
}

function addPort(port: NormalPortRequest, isRemade: boolean): Action {
  return {
    do: 'add-port',
    port: port.name,
    // Mirrors come last, when the ports that they go to are there.
    request: { ...port, mirror: null },
    text: `port ${port.name} (${placeWords(port)}) is ${isRemade ? 'made anew' : 'added'}`,
    cutsOff: addingCutsOff(port),
  };
}

function setSwitch(current: NormalWish, wanted: NormalWish): Action[] {
  const patch: SwitchPatch = differences(current.switch, wanted.switch, SWITCH_SETTINGS);
  if (Object.keys(patch).length === 0) return [];
  const text = `switch settings: ${changedWords(current.switch, patch)}`;
  return [{ do: 'set-switch', patch, text, cutsOff: settingsCutOff(current.switch, wanted.switch) }];
}

function changePort(before: NormalPortRequest, after: NormalPortRequest): Action[] {
  const patch = differences(before, after, SETTINGS);
  const createNetns = before.createNetns === after.createNetns ? undefined : after.createNetns;
  const changes = { ...patch, ...(createNetns === undefined ? {} : { createNetns }) };
  if (Object.keys(changes).length === 0) return [];
  const text = `port ${after.name}: ${changedWords(before, changes)}`;
  const cutsOff = changeCutsOff(before, after);
  return [{ do: 'change-port', port: after.name, patch, createNetns, text, cutsOff }];
}

/** A mirror to a port that goes is gone with it, and so is that of a port which is made anew. */
function setMirrors(
  before: ReadonlyMap<string, NormalPortRequest>,
  wanted: readonly NormalPortRequest[],
  gone: (port: string) => boolean,
  come: (port: string) => boolean,
): Action[] {
  return wanted.flatMap(({ name, mirror }) => {
    const old = come(name) ? null : (before.get(name)?.mirror ?? null);
    const left = old?.port != null && gone(old.port) ? null : old;
    if (isSame(left, mirror)) return [];
    const patch = { mirror };
    const text = `port ${name}: ${changedWords({ mirror: left }, patch)}`;
    return [{ do: 'change-port', port: name, patch, createNetns: undefined, text, cutsOff: null }];
  });
}

function setLogics(current: WishedLogic[], wanted: WishedLogic[]): Action[] {
  if (isSame(current, wanted)) return [];
  // Whom it cuts off is for its code to say.
  return [{ do: 'set-logics', logics: wanted, text: logicWords(current, wanted), cutsOff: null }];
}

/** Of `keys` the fields that differ, as `after` has them; undefined is whatever it may be. */
function differences<T extends object, K extends keyof T>(before: T, after: T, keys: readonly K[]): Changes<T, K> {
  const changes: Changes<T, K> = {};
  for (const key of keys) {
    const value = after[key];
    if (isGiven(value) && !isSame(before[key], value)) changes[key] = value;
  }
  return changes;
}

type Changes<T, K extends keyof T> = { [Key in K]?: Exclude<T[Key], undefined> };

function isGiven<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function keyOf({ vlan, mac }: WishedEntry): string {
  return `${vlan} ${mac}`;
}
