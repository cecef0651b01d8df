/** Which ports of the host may be published. Pure. */
import { isIP } from 'node:net';
import { TswitchError } from '../../control/errors.ts';
import type { NetworkRecord, NetworksDocument, Published } from '../model.ts';
import { formatPublished } from './published-text.ts';

const PORT_MAX = 65_535;

/** @throws TswitchError BAD_REQUEST, or ADDRESS_IN_USE where a member of any network publishes one of the ports already */
export function refusePublished(
  { networks }: NetworksDocument,
  network: NetworkRecord,
  wanted: readonly Published[],
): void {
  if (network.internal) {
    throw new TswitchError('BAD_REQUEST', `network ${network.name} is internal: nothing of it can be published`);
  }
  const published = networks.flatMap(({ name: of, endpoints }) =>
    endpoints.flatMap((endpoint) =>
      endpoint.published.map((each) => ({ each, owner: `${endpoint.name} in network ${of}` })),
    ),
  );
  for (const [index, each] of wanted.entries()) {
    // It becomes a part of the packet filter's rules.
    if (each.hostIp !== null && (isIP(each.hostIp) === 0 || each.hostIp.includes('%'))) {
      throw new TswitchError('BAD_REQUEST', `publish: hostIp ${JSON.stringify(each.hostIp)} is no address of the host`);
    }
    if (Math.max(each.hostPort, each.containerPort) + each.count - 1 > PORT_MAX) {
      throw new TswitchError('BAD_REQUEST', `publish: ${formatPublished(each)} goes beyond port ${PORT_MAX}`);
    }
    const twice = wanted.slice(0, index).find((other) => isSame(each, other));
    if (twice) {
      throw new TswitchError(
        'BAD_REQUEST',
        `publish: ${formatPublished(each)} and ${formatPublished(twice)} take the same port of the host`,
      );
    }
    const found = published.find((other) => isSame(each, other.each));
    if (!found) continue;
    throw new TswitchError(
      'ADDRESS_IN_USE',
      `the host's port of ${formatPublished(each)} is published by ${found.owner}: choose another`,
    );
  }
}

/** Whether two of them take the same port of the host. */
function isSame(a: Published, b: Published): boolean {
  if (a.protocol !== b.protocol) return false;
  if (a.hostPort >= b.hostPort + b.count || b.hostPort >= a.hostPort + a.count) return false;
  return coversAddress(a.hostIp, b.hostIp) || coversAddress(b.hostIp, a.hostIp);
}

function coversAddress(all: string | null, one: string | null): boolean {
  if (all === null || all === one) return true;
  if (all === '0.0.0.0') return one !== null && !one.includes(':');
  return all === '::' && one !== null && one.includes(':');
}
