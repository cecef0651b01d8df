/** What a network's name server knows of members' names. Pure, but for the turn that members of one alias take. */
import type { Family } from '../addresses/subnet.ts';
import { contains, parseAddress, parseSubnet } from '../addresses/subnet.ts';
import { bareAddress } from '../addresses/choice.ts';
import type { EndpointRecord, NetworkRecord, NetworksDocument } from '../model.ts';
import { isSameName } from '../names.ts';

/** `absent`: there is no such name. `foreign`: it is for others to know. */
export type Lookup = { found: string[] } | 'absent' | 'foreign';

interface Member {
  network: NetworkRecord;
  endpoint: EndpointRecord;
}

/** Whoever asks: a member, which sees all of its networks; or somebody else, who sees this one. */
export interface Asker {
  network: NetworkRecord;
  /** Null: no member has the address that the question came from. */
  member: EndpointRecord | null;
}

export function askerAt(network: NetworkRecord, address: string): Asker {
  const asked = parsed(address);
  const member = network.endpoints.find(({ addresses }) =>
    addresses.some((each) => parsed(bareAddress(each))?.value === asked?.value && asked !== null),
  );
  return { network, member: member ?? null };
}

/**
 * The addresses of a name: that of a container, an alias, or a link of the asker's, alone or followed by the network's name.
 *
 * @param turn moves with every question, so that those who share an alias take turns in being named first
 */
export function addressesOf(
  document: NetworksDocument,
  asker: Asker,
  name: string,
  family: Family,
  turn: number,
): Lookup {
  const members = networksOf(document, asker).flatMap((network) => membersNamed(network, asker, name));
  if (members.length === 0) return 'foreign';
  const addresses = members.flatMap(({ endpoint }) =>
    endpoint.addresses.map(bareAddress).filter((address) => address.includes(':') === (family === 6)),
  );
  const found = [...new Set(addresses)];
  const first = found.length > 0 ? turn % found.length : 0;
  return { found: [...found.slice(first), ...found.slice(0, first)] };
}

/** The names of an address, each as container and network; `absent` within a subnet of the asker's. */
export function namesOf(document: NetworksDocument, asker: Asker, address: string): Lookup {
  const asked = parsed(address);
  if (!asked) return 'foreign';
  const networks = networksOf(document, asker);
  const isOurs = networks.some(({ subnets }) =>
    subnets.some(({ subnet }) => contains(parseSubnet(subnet, 'subnet'), asked)),
  );
  if (!isOurs) return 'foreign';
  const found = networks.flatMap((network) =>
    network.endpoints
      .filter(({ addresses }) => addresses.some((each) => isEqual(parsed(bareAddress(each)), asked)))
      .map(({ name }) => `${name}.${network.name}`),
  );
  return found.length > 0 ? { found } : 'absent';
}

/** The address that a name below in-addr.arpa or ip6.arpa stands for (RFC 1035, 3.5; RFC 3596, 2.5); null: none. */
export function reversed(name: string): string | null {
  const v4 = /^([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)\.in-addr\.arpa$/i.exec(name);
  if (v4) return v4.slice(1, 5).toReversed().join('.');
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/i.exec(name);
  const digits = v6?.[1]?.split('.').join('').split('').toReversed().join('');
  return digits === undefined ? null : (digits.match(/.{4}/g)?.join(':') ?? null);
}

function networksOf(document: NetworksDocument, { network, member }: Asker): NetworkRecord[] {
  if (!member) return [network];
  const others = document.networks.filter(({ id, endpoints }) => {
    return id !== network.id && endpoints.some(({ netns }) => netns === member.netns);
  });
  return [network, ...others];
}

function membersNamed(network: NetworkRecord, { member }: Asker, name: string): Member[] {
  const suffix = `.${network.name}`;
  const label = isSameName(name.slice(-suffix.length), suffix) ? name.slice(0, -suffix.length) : name;
  const own = network.endpoints.find(({ netns }) => netns === member?.netns);
  const linked = own?.links.filter(({ alias }) => isSameName(alias, label)).map(({ container }) => container) ?? [];
  return network.endpoints
    .filter(({ name: of, aliases }) =>
      linked.length > 0
        ? linked.some((each) => isSameName(each, of))
        : [of, ...aliases].some((each) => isSameName(each, label)),
    )
    .map((endpoint) => ({ network, endpoint }));
}

function parsed(address: string): ReturnType<typeof parseAddress> | null {
  try {
    return parseAddress(address, 'address');
  } catch {
    return null;
  }
}

function isEqual(a: ReturnType<typeof parsed>, b: NonNullable<ReturnType<typeof parsed>>): boolean {
  return a !== null && a.family === b.family && a.value === b.value;
}
