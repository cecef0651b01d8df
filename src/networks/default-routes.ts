/** The default routes of members: by the gateways of their networks. */
import { isIPv6 } from 'node:net';
import { ipBatch, ipJson } from '../control/plumbing/ip.ts';
import { type Netns, resolveNetns } from '../control/plumbing/netns.ts';
import type { NetworkRecord } from './model.ts';

/** The container's interface in one of its networks. */
interface Place {
  network: NetworkRecord;
  endpoint: { ifname: string };
}

/**
 * Gives the namespace a default route for each family that it has none of, by the first of its networks that leads outside.
 *
 * @returns those that were chosen
 */
export async function addDefaultRoutes<T extends Place>(spec: string, places: readonly T[]): Promise<T[]> {
  const netns = await resolveNetns(spec);
  try {
    const routes: { place: T; gateway: string }[] = [];
    for (const family of ['-4', '-6'] as const) {
      const found = firstGateway(places, family === '-6');
      if (found && !(await hasDefault(netns, family))) routes.push(found);
    }
    const lines = routes.map(({ place, gateway }) => {
      return ['route', 'add', 'default', 'via', gateway, 'dev', place.endpoint.ifname];
    });
    if (lines.length > 0) await ipBatch(netns, lines);
    return [...new Set(routes.map(({ place }) => place))];
  } finally {
    netns.close();
  }
}

async function hasDefault(netns: Netns, family: '-4' | '-6'): Promise<boolean> {
  const routes = await ipJson(netns, [family, 'route', 'show', 'default']);
  return Array.isArray(routes) && routes.length > 0;
}

function firstGateway<T extends Place>(places: readonly T[], isV6: boolean): { place: T; gateway: string } | null {
  for (const place of places) {
    const { internal, subnets } = place.network;
    const found = internal ? undefined : subnets.find(({ gateway }) => isIPv6(gateway) === isV6);
    if (found) return { place, gateway: found.gateway };
  }
  return null;
}
