/** The default routes of members: by the gateway of one of their networks. */
import { isIPv6 } from 'node:net';
import { ipBatch, ipJson } from '../control/plumbing/ip.ts';
import { type Netns, resolveNetns } from '../control/plumbing/netns.ts';
import type { NetworkRecord } from './model.ts';

/**
 * Gives the namespace a default route by the network's gateway, for each family that it has none of.
 *
 * @returns whether any was given
 */
export async function addDefaultRoutes(spec: string, ifname: string, network: NetworkRecord): Promise<boolean> {
  if (network.internal || network.subnets.length === 0) return false;
  const netns = await resolveNetns(spec);
  try {
    const has = { v4: await hasDefault(netns, '-4'), v6: await hasDefault(netns, '-6') };
    const lines = firstOfEachFamily(network.subnets.map(({ gateway }) => gateway))
      .filter((gateway) => !(isIPv6(gateway) ? has.v6 : has.v4))
      .map((gateway) => ['route', 'add', 'default', 'via', gateway, 'dev', ifname]);
    if (lines.length > 0) await ipBatch(netns, lines);
    return lines.length > 0;
  } finally {
    netns.close();
  }
}

async function hasDefault(netns: Netns, family: '-4' | '-6'): Promise<boolean> {
  const routes = await ipJson(netns, [family, 'route', 'show', 'default']);
  return Array.isArray(routes) && routes.length > 0;
}

function firstOfEachFamily(gateways: readonly string[]): string[] {
  const [v4, v6] = [gateways.find((each) => !isIPv6(each)), gateways.find(isIPv6)];
  return [v4, v6].filter((gateway) => gateway !== undefined);
}
