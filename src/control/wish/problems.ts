/**
 * Everything that is wrong with a document by itself, whatever machine it is for: values, contradictions, names given twice,
 * addresses given where they cannot be. Pure. What only the kernel knows: machine-problems.ts.
 */
import { extname, isAbsolute } from 'node:path';
import { parseUnicastMac } from '../address-text.ts';
import { netdevName } from '../attach/netdev-name.ts';
import { TswitchError } from '../errors.ts';
import type { FdbRequest, PortRequest, SwitchPatch } from '../model.ts';
import { LOGIC_FILE_ENDINGS } from '../logic/model.ts';
import { isNetnsName } from '../netns-name.ts';
import { normalizePortRequest, type NormalPortRequest, portRequestProblems } from '../port-request.ts';
import { SETTINGS_DEFAULT } from '../settings.ts';
import { carriesVlan } from '../views.ts';
import { pointer, type Problem } from './problem.ts';
import type { LogicWish, Wish } from './wish.ts';

/** A document some of whose parts may have been found wrong already: null stands for those. */
export interface Draft {
  switch?: SwitchPatch | null;
  ports: readonly (PortRequest | null)[];
  fdb?: readonly (FdbRequest | null)[];
  logics?: readonly (LogicWish | null)[];
  /** Names of ports whose parts are null. */
  otherPorts?: ReadonlySet<string>;
}

/** @param current what is wished at the moment: entries that it has may stay as they are */
export function documentProblems(draft: Draft, current: Wish): Problem[] {
  const ports = draft.ports.map((port, index) => judgePort(port, index));
  const sound = ports.map(({ port }) => port);
  return [
    ...ports.flatMap(({ problems }) => problems),
    ...twice(sound, 'name', ({ name }) => [`port ${name}`, name]),
    ...twice(sound, 'netdev', ({ netdev }) => (netdev === null ? null : [`netdev ${netdev}`, netdev])),
    ...twice(sound, 'ifname', farEndKey),
    ...takenNames(sound),
    ...mirrorProblems(draft, sound),
    ...entryProblems(draft, sound, current),
    ...limitProblems(draft),
    ...logicProblems(draft, current),
  ];
}

/** The port in its one spelling, null if anything is wrong with it. */
function judgePort(port: PortRequest | null, index: number): { port: NormalPortRequest | null; problems: Problem[] } {
  if (port === null) return { port, problems: [] };
  const messages = portRequestProblems(port);
  if (port.kind === 'memory') messages.push('kind: memory ports exist in tests and sandboxes only');
  const problems = messages.map((message) => {
    const [, field, text] = /^([A-Za-z]+)(?:, [A-Za-z]+)*: ([^]*)$/.exec(message) ?? [];
    const path = field === undefined ? pointer('ports', index) : pointer('ports', index, field);
    return bad(path, text ?? message);
  });
  return { port: problems.length > 0 ? null : normalizePortRequest(port), problems };
}

/** @param keyOf words for what must be there once only, and what it is told by; null: nothing */
function twice(
  ports: readonly (NormalPortRequest | null)[],
  field: string,
  keyOf: (port: NormalPortRequest) => [string, string] | null,
): Problem[] {
  const first = new Map<string, number>();
  return ports.flatMap((port, index) => {
    const found = port && keyOf(port);
    if (!found) return [];
    const [words, key] = found;
    const before = first.get(key);
    if (before === undefined) first.set(key, index);
    else
      return [bad(pointer('ports', index, field), `${words} is in the list already, as ${pointer('ports', before)}`)];
    return [];
  });
}

function farEndKey({ netns, ifname }: NormalPortRequest): [string, string] | null {
  if (netns === null) return null;
  const path = isNetnsName(netns) ? `/run/netns/${netns}` : netns.replace(/^\/var\/run\//, '/run/');
  return [`interface ${ifname} in namespace ${netns}`, `${path} ${ifname}`];
}

/** The switch's own ends have names too. */
function takenNames(ports: readonly (NormalPortRequest | null)[]): Problem[] {
  const own = new Map<string, string>();
  for (const port of ports) if (port && port.netdev === null) own.set(netdevName(port.name), port.name);
  return ports.flatMap((port, index) => {
    const owner = port?.netdev == null ? undefined : own.get(port.netdev);
    if (owner === undefined) return [];
    return [bad(pointer('ports', index, 'netdev'), `port ${owner} makes a netdev of this name: attach another one`)];
  });
}

function entryProblems(draft: Draft, ports: readonly (NormalPortRequest | null)[], current: Wish): Problem[] {
  const byName = new Map(ports.flatMap((port) => (port ? [[port.name, port] as const] : [])));
  const unjudged = new Set(draft.otherPorts);
  for (const [index, port] of draft.ports.entries()) if (port && !ports[index]) unjudged.add(port.name);
  const held = new Set(current.fdb.map(({ mac, vlan, port }) => `${mac} ${vlan} ${port}`));
  const first = new Map<string, number>();
  return (draft.fdb ?? []).flatMap((entry, index) => {
    if (!entry) return [];
    const problem = entryProblem(entry, byName.get(entry.port), unjudged, held);
    if (problem) return [bad(pointer('fdb', index, problem.field), problem.message)];
    const vlan = entry.vlan ?? byName.get(entry.port)?.vlan;
    const key = `${entry.mac.toLowerCase()} ${vlan}`;
    const before = first.get(key);
    if (before === undefined) first.set(key, index);
    else if (vlan != null) {
      const message = `${entry.mac} in VLAN ${vlan} is given already, as ${pointer('fdb', before)}`;
      return [bad(pointer('fdb', index, 'mac'), message)];
    }
    return [];
  });
}

function entryProblem(
  { mac, port: name, vlan: wished }: FdbRequest,
  port: NormalPortRequest | undefined,
  unjudged: ReadonlySet<string>,
  held: ReadonlySet<string>,
): { field: string; message: string } | null {
  try {
    parseUnicastMac(mac, 'mac');
  } catch (error) {
    if (!(error instanceof TswitchError)) throw error;
    return { field: 'mac', message: error.message.replace(/^mac: /, '') };
  }
  if (!port)
    return unjudged.has(name) ? null : { field: 'port', message: `there is no port ${name} in the list of ports` };
  const vlan = wished ?? port.vlan;
  if (vlan === null) {
    return { field: 'vlan', message: `port ${name} is a trunk without a VLAN of its own: say which VLAN` };
  }
  if (carriesVlan(port, vlan) || held.has(`${mac.toLowerCase()} ${vlan} ${name}`)) return null;
  return {
    field: 'vlan',
    message: `port ${name} does not carry VLAN ${vlan}: add it to the port, or leave the entry out`,
  };
}

/** A mirror's port is in the list; a port that was found wrong counts as there. */
function mirrorProblems(draft: Draft, ports: readonly (NormalPortRequest | null)[]): Problem[] {
  const names = new Set([...draft.ports.map((port) => port?.name), ...(draft.otherPorts ?? [])]);
  return ports.flatMap((port, index) => {
    const to = port?.mirror?.port ?? null;
    if (to === null || names.has(to)) return [];
    return [bad(pointer('ports', index, 'mirror', 'port'), `there is no port ${to} in the list of ports`)];
  });
}

/** A port that a logic is bound to is in the list, or was not there before either. */
function logicProblems(draft: Draft, current: Wish): Problem[] {
  const names = new Set([
    ...draft.ports.map((port) => port?.name),
    ...(draft.otherPorts ?? []),
    ...(current.logics ?? []).flatMap((logic) => logic.ports),
  ]);
  return (draft.logics ?? []).flatMap((logic, index) => {
    if (!logic) return [];
    const { file, ports: bound = [] } = logic;
    const problems = bound.flatMap((name, at) =>
      names.has(name)
        ? []
        : [bad(pointer('logics', index, 'ports', at), `there is no port ${name} in the list of ports`)],
    );
    if (!isAbsolute(file)) problems.push(bad(pointer('logics', index, 'file'), 'must be an absolute path'));
    else if (!LOGIC_FILE_ENDINGS.some((ending) => ending === extname(file))) {
      problems.push(bad(pointer('logics', index, 'file'), `must end in ${LOGIC_FILE_ENDINGS.join(', ')}`));
    }
    return problems;
  });
}

function limitProblems({ switch: settings, fdb = [] }: Draft): Problem[] {
  if (settings === null) return [];
  const limit = settings?.fdbLimit ?? SETTINGS_DEFAULT.fdbLimit;
  if (fdb.length <= limit) return [];
  const path = settings?.fdbLimit === undefined ? pointer('fdb') : pointer('switch', 'fdbLimit');
  return [bad(path, `${fdb.length} entries are given, and fdbLimit is ${limit}: raise it or leave some out`)];
}

function bad(path: string, message: string): Problem {
  return { path, code: 'BAD_REQUEST', message };
}
