/**
 * The far end of a port that tswitch makes. Its namespace is open only while the port is set up: kept open, it would stay
 * alive after its last user.
 */
import { randomBytes } from 'node:crypto';
import { MTU_DEFAULT } from '../../limits.ts';
import { TswitchError } from '../errors.ts';
import { type FarEnd, setNetdevMtu } from '../plumbing/netdev.ts';
import { createNetns, resolveNetns } from '../plumbing/netns.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { randomMac } from './netdev-name.ts';

/** Opens the far end's namespace, made first if that is asked for, and gives it a MAC address if it has none. */
export async function prepareFarEnd(request: NormalPortRequest): Promise<FarEnd> {
  const { netns, ifname, addresses, gateway } = request;
  if (netns === null || ifname === null) throw new TswitchError('BAD_REQUEST', 'netns: say where the far end goes');
  if (request.createNetns) await createNetns(netns);
  return {
    netns: await resolveNetns(netns),
    ifname,
    mac: request.mac ?? randomMac(randomBytes),
    mtu: request.mtu ?? MTU_DEFAULT,
    addresses,
    gateway,
  };
}

/** @param inode of the namespace at the time of attaching: a name or pid may stand for another one by now */
export async function setFarEndMtu(spec: string, inode: number, ifname: string, mtu: number): Promise<void> {
  const netns = await resolveNetns(spec);
  try {
    if (netns.inode !== inode) {
      throw new TswitchError(
        'NETNS_NOT_FOUND',
        `${spec} is another network namespace now: unplug the port and plug it again`,
      );
    }
    await setNetdevMtu(netns, ifname, mtu);
  } finally {
    netns.close();
  }
}
