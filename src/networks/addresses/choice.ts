/** Which addresses the members of a network get. Pure: changes nothing but the marks that its caller keeps. */
import { TswitchError } from '../../control/errors.ts';
import type { NetworkRecord, SubnetRecord } from '../model.ts';
import { choiceRange, inside } from '../network-request.ts';
import { contains, formatAddress, nextFree, parseAddress, parseSubnet } from './subnet.ts';

/** Addresses for one member, with prefix length, in the order of the subnets; and the subnets as they are afterwards. */
export interface Choice {
  addresses: string[];
  subnets: SubnetRecord[];
}

/**
 * Gives what was asked for, and of every other subnet the next free address.
 *
 * @param wanted without or with the subnet's prefix length
 * @throws TswitchError BAD_REQUEST, ADDRESS_IN_USE, POOL_EXHAUSTED
 */
export function chooseAddresses(network: NetworkRecord, wanted: readonly string[]): Choice {
  const asked = new Map<SubnetRecord, string>();
  for (const text of wanted) {
    const address = bareAddress(text);
    const parsed = parseAddress(address, 'addresses');
    const subnet = network.subnets.find((each) => contains(parseSubnet(each.subnet, 'subnet'), parsed));
    if (!subnet) {
      const all = network.subnets.map((each) => each.subnet).join(', ');
      throw new TswitchError(
        'BAD_REQUEST',
        `addresses: ${text} is in no subnet of network ${network.name} (${all || 'it has none'})`,
      );
    }
    const { prefixBits } = parseSubnet(subnet.subnet, 'subnet');
    if (text.includes('/') && Number(text.split('/')[1]) !== prefixBits) {
      throw new TswitchError(
        'BAD_REQUEST',
        `addresses: ${text} must have the prefix length of ${subnet.subnet}, or none`,
      );
    }
    if (asked.has(subnet)) {
      throw new TswitchError('BAD_REQUEST', `addresses: two are of ${subnet.subnet}; give one of each subnet at most`);
    }
    asked.set(subnet, address);
  }
  const addresses: string[] = [];
  const subnets = network.subnets.map((subnet) => {
    const address = asked.get(subnet);
    const taken = takenIn(network, subnet);
    const value = address === undefined ? nextOf(network, subnet, taken) : checked(network, subnet, address, taken);
    const { family, prefixBits } = parseSubnet(subnet.subnet, 'subnet');
    const given = formatAddress(family, value);
    addresses.push(`${given}/${prefixBits}`);
    const released = subnet.released.filter((each) => each !== given);
    return { ...subnet, released, last: address === undefined ? given : subnet.last };
  });
  return { addresses, subnets };
}

/** As many released addresses of a subnet are remembered. */
export const RELEASED_MAX = 32;

/** The subnets after a member left that had the addresses. */
export function release(subnets: readonly SubnetRecord[], addresses: readonly string[]): SubnetRecord[] {
  return subnets.map((record) => {
    const subnet = parseSubnet(record.subnet, 'subnet');
    const left = addresses.map(bareAddress).filter((address) => contains(subnet, parseAddress(address, 'address')));
    const others = record.released.filter((address) => !left.includes(address));
    return { ...record, released: [...others, ...left].slice(-RELEASED_MAX) };
  });
}

export function bareAddress(address: string): string {
  return address.split('/')[0] ?? '';
}

function checked(network: NetworkRecord, record: SubnetRecord, address: string, taken: Map<bigint, string>): bigint {
  const value = inside(parseSubnet(record.subnet, 'subnet'), address, 'addresses', record.subnet);
  const owner = taken.get(value);
  if (owner === undefined) return value;
  throw new TswitchError('ADDRESS_IN_USE', `${address} in network ${network.name} is taken: ${owner} has it`);
}

function nextOf(network: NetworkRecord, record: SubnetRecord, taken: Map<bigint, string>): bigint {
  const last = record.last === null ? undefined : parseAddress(record.last, 'last').value;
  const range = choiceRange(record);
  const released = record.released.map((address) => parseAddress(address, 'released').value);
  const unused = nextFree(range, last, new Set([...taken.keys(), ...released]));
  const value = unused ?? released.find((each) => !taken.has(each) && each >= range.first && each <= range.last);
  if (value !== undefined) return value;
  throw new TswitchError(
    'POOL_EXHAUSTED',
    `network ${network.name} has no address left in ${record.ipRange ?? record.subnet}: disconnect a member, or create a larger network`,
  );
}

/** Every address of the subnet that somebody has, and who. */
function takenIn(network: NetworkRecord, { subnet: text, gateway, auxAddresses }: SubnetRecord): Map<bigint, string> {
  const subnet = parseSubnet(text, 'subnet');
  const owners: [string, string][] = [
    [gateway, 'the gateway'],
    ...Object.entries(auxAddresses).map(([name, address]): [string, string] => [address, `the reservation ${name}`]),
    ...network.endpoints.flatMap(({ name, addresses }) =>
      addresses.map((address): [string, string] => [bareAddress(address), `member ${name}`]),
    ),
  ];
  const taken = new Map<bigint, string>();
  for (const [address, owner] of owners) {
    const parsed = parseAddress(address, 'address');
    if (contains(subnet, parsed)) taken.set(parsed.value, owner);
  }
  return taken;
}
