/**
 * Docker chooses the subnets of its networks by the routes of the host, and knows nothing of what is allotted here and not in
 * use. So the network `bridge`, which exists before anybody has asked for it, makes room as long as it has no members.
 */
import { allotSubnet, type Taken } from '../addresses/pools.ts';
import { overlap, parseSubnet } from '../addresses/subnet.ts';
import { TswitchError } from '../../control/errors.ts';
import type { NetworkRecord } from '../model.ts';
import { normalizeSubnet } from '../network-request.ts';

export function isIdleBridge({ name, endpoints }: NetworkRecord): boolean {
  return name === 'bridge' && endpoints.length === 0;
}

/** @returns `bridge` with subnets that do not overlap the newcomer's: with none, where none is left */
export function stepAside(bridge: NetworkRecord, newcomer: NetworkRecord, taken: readonly Taken[]): NetworkRecord {
  const news = newcomer.subnets.map(({ subnet }) => parseSubnet(subnet, 'subnet'));
  const isInTheWay = bridge.subnets.some(({ subnet }) =>
    news.some((each) => overlap(parseSubnet(subnet, 'subnet'), each)),
  );
  if (!isInTheWay) return bridge;
  const all = [...taken, ...news.map((subnet) => ({ subnet, by: `a subnet of network ${newcomer.name}` }))];
  try {
    return { ...bridge, subnets: [normalizeSubnet({ subnet: allotSubnet(4, '', all) })] };
  } catch (error) {
    if (error instanceof TswitchError && error.code === 'POOL_EXHAUSTED') return { ...bridge, subnets: [] };
    throw error;
  }
}
