/**
 * What a configuration's list of networks means for those that there are: which stay, which go, which come. Pure. Members are of
 * the moment and no part of it, so a network that has some can neither go nor be made anew.
 */
import { TswitchError } from '../../control/errors.ts';
import { pointer, type Problem } from '../../control/wish/problem.ts';
import type { NetworkRecord, NetworkRequest, SubnetRecord, SubnetSettings } from '../model.ts';
import { gatewayIfname, isAlways } from '../names.ts';
import { normalizeNetworkRequest, type NormalNetworkRequest } from '../network-request.ts';
import { newNetwork, type Surroundings } from '../new-network.ts';

export interface NetworkAction {
  do: 'remove-network' | 'change-network' | 'add-network';
  /** What it does, in words. */
  text: string;
  /** Nobody: networks that go or are made anew have no members. */
  cutsOff: null;
}

export interface NetworksPlan {
  problems: Problem[];
  actions: NetworkAction[];
  /** All networks as they are then, those that exist always among them. */
  networks: NetworkRecord[];
}

/** Fields that a network has for its life. */
const FIXED = ['internal', 'isolated', 'mtu', 'dns'] as const;

/** A network as a document has it: what POST /v1/networks takes, with everything in it that was chosen. */
export function wishedNetwork(network: NetworkRecord): NetworkRequest {
  const { name, driver, vlan, internal, isolated, mtu, dns, labels } = network;
  const subnets = network.subnets.map(settingsOf);
  return { name, driver, ...(vlan === null ? {} : { vlan }), subnets, internal, isolated, mtu, dns, labels };
}

/** Those that a document has, in the order of their names: one state has one document. */
export function wishedNetworks(networks: readonly NetworkRecord[]): NetworkRequest[] {
  const own = networks.filter(({ name, owner }) => !isAlways(name) && owner === undefined);
  return own.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(wishedNetwork);
}

export function planNetworks(wanted: readonly NetworkRequest[], around: Surroundings): NetworksPlan {
  return new Planner(around).plan(wanted);
}

class Planner {
  readonly #around: Surroundings;
  readonly #problems: Problem[] = [];
  readonly #actions: NetworkAction[] = [];

  constructor(around: Surroundings) {
    this.#around = around;
  }

  plan(wanted: readonly NetworkRequest[]): NetworksPlan {
    // What others have made is not theirs to change who apply a document.
    const others = this.#around.networks.filter(({ owner }) => owner !== undefined);
    const ours = this.#around.networks.filter((network) => !others.includes(network));
    const before = new Map(ours.map((network) => [network.name, network]));
    const requests = this.#normal(wanted);
    const named = new Set(wanted.map(({ name }) => name));
    const gone = new Set([...before.keys()].filter((name) => !isAlways(name) && !named.has(name)));
    for (const name of gone) this.#attempt(pointer('networks'), () => refuseMembers(before.get(name), 'removed'));
    const later: [number, NormalNetworkRequest][] = [];
    for (const [index, request] of requests) {
      const old = before.get(request.name);
      const changed = old ? changesOf(old, request) : [];
      if (old && changed.length === 0) continue;
      if (old && changed.every((field) => field === 'labels')) {
        before.set(old.name, { ...old, labels: request.labels });
        this.#actions.push(actionOf('change-network', `network ${old.name}: its labels are changed`));
        continue;
      }
      this.#attempt(pointer('networks', index), () => refuseMembers(old, `made anew (${changed.join(', ')})`));
      if (old) gone.add(old.name);
      later.push([index, request]);
    }
    for (const name of gone) this.#actions.unshift(actionOf('remove-network', `network ${name} is removed`));
    const stay = [...before.values()].filter(({ name }) => !gone.has(name));
    const networks = this.#add(
      [...stay, ...others],
      later,
      [...gone].flatMap((name) => before.get(name) ?? []),
    );
    return { problems: this.#problems, actions: this.#actions, networks };
  }

  /** Those in which nothing is wrong by itself, with their places in the list. */
  #normal(wanted: readonly NetworkRequest[]): [number, NormalNetworkRequest][] {
    const first = new Map<string, number>();
    return wanted.flatMap((request, index) => {
      const normal: [number, NormalNetworkRequest][] = [];
      this.#attempt(pointer('networks', index), () => {
        const { name } = request;
        if (isAlways(name)) refuse(`name: network ${name} exists always, and is no part of a configuration`);
        const before = first.get(name);
        if (before !== undefined)
          refuse(`name: network ${name} is in the list already, as ${pointer('networks', before)}`);
        first.set(name, index);
        normal.push([index, normalizeNetworkRequest(request)]);
      });
      return normal;
    });
  }

  #add(
    stay: readonly NetworkRecord[],
    requests: readonly [number, NormalNetworkRequest][],
    gone: readonly NetworkRecord[],
  ): NetworkRecord[] {
    const networks = [...stay];
    // With a network its gateway goes, and so do routes by that.
    const gateways = new Set(gone.map(({ id }) => gatewayIfname(id)));
    const routes = this.#around.routes.filter(({ dev }) => dev === undefined || !gateways.has(dev));
    for (const [index, request] of requests) {
      this.#attempt(pointer('networks', index), () => {
        const network = newNetwork(request, { ...this.#around, networks, routes });
        networks.push(network);
        const subnets = network.subnets.map(({ subnet }) => subnet).join(', ');
        const text = `network ${network.name} (VLAN ${network.vlan}, ${subnets}) is added`;
        this.#actions.push(actionOf('add-network', text));
      });
    }
    return networks;
  }

  #attempt(path: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof TswitchError)) throw error;
      const [, field, text] = /^([A-Za-z]+)(?:\.[^ ]+)?: ([^]*)$/.exec(error.message) ?? [];
      const at = field === undefined ? path : `${path}${pointer(field)}`;
      this.#problems.push({ path: at, code: error.code, message: text ?? error.message });
    }
  }
}

function actionOf(what: NetworkAction['do'], text: string): NetworkAction {
  return { do: what, text, cutsOff: null };
}

/** What is another than it was. What is left out, and was chosen, stays. */
function changesOf(old: NetworkRecord, wanted: NormalNetworkRequest): string[] {
  const fields: string[] = FIXED.filter((field) => old[field] !== wanted[field]);
  if (wanted.vlan !== null && wanted.vlan !== old.vlan) fields.push('vlan');
  if (!hasSubnets(old, wanted)) fields.push('subnets');
  if (!isSame(sorted(old.labels), sorted(wanted.labels))) fields.push('labels');
  return fields;
}

function hasSubnets(old: NetworkRecord, { subnets, ipv6 }: NormalNetworkRequest): boolean {
  const hasIpv6 = old.subnets.some(({ subnet }) => subnet.includes(':'));
  if (ipv6 && !hasIpv6) return false;
  if (subnets.length === 0) return true;
  // Behind those that were given may be one of IPv6 that was allotted.
  const given = ipv6 ? old.subnets.slice(0, subnets.length) : old.subnets;
  return isSame(given.map(settingsOf), subnets.map(settingsOf));
}

function settingsOf({ subnet, gateway, ipRange, auxAddresses }: SubnetRecord): SubnetSettings {
  return { subnet, gateway, ipRange, auxAddresses: sorted(auxAddresses) };
}

function refuseMembers(network: NetworkRecord | undefined, what: string): void {
  if (!network || network.endpoints.length === 0) return;
  const names = network.endpoints.map(({ name }) => name).join(', ');
  throw new TswitchError(
    'NETWORK_IN_USE',
    `network ${network.name} has members and cannot be ${what}: disconnect ${names} first, or leave it as it is`,
  );
}

function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}

function sorted(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
