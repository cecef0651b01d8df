/**
 * The far end of a port that tswitch makes. Its namespace is open only while the port is set up: kept open, it would stay
 * alive after its last user.
 */
import { randomBytes } from 'node:crypto';
import { MTU_DEFAULT } from '../../limits.ts';
import { TswitchError } from '../errors.ts';
import type { FarEnd } from '../plumbing/netdev.ts';
import { createNetns, type Netns, resolveNetns } from '../plumbing/netns.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { randomMac } from './netdev-name.ts';
import { type NetnsMemory, refuseStranger, rememberNetns } from './netns-memory.ts';

/**
 * Opens the far end's namespace and gives it a MAC address if it has none. For a new port the namespace is made first, if
 * that is asked for; a lost one only finds its namespace again.
 *
 * @param remembered of a lost port
 */
export async function prepareFarEnd(
  request: NormalPortRequest,
  remembered: NetnsMemory | null,
): Promise<FarEnd & { remembered: NetnsMemory }> {
  const { netns: spec, ifname, addresses, gateway } = request;
  if (spec === null || ifname === null) throw new TswitchError('BAD_REQUEST', 'netns: say where the far end goes');
  if (request.createNetns && !remembered) await createNetns(spec);
  const netns = await resolveNetns(spec);
  try {
    if (remembered) refuseStranger(netns, remembered);
    return {
      netns,
      ifname,
      mac: request.mac ?? randomMac(randomBytes),
      mtu: request.mtu ?? MTU_DEFAULT,
      addresses,
      gateway,
      remembered: await rememberNetns(netns),
    };
  } catch (error) {
    netns.close();
    throw error;
  }
}

/** A name, path or pid may stand for another namespace by now. */
export async function atFarEnd({ spec, inode }: NetnsMemory, act: (netns: Netns) => Promise<void>): Promise<void> {
  const netns = await resolveNetns(spec);
  try {
    if (netns.inode !== inode) {
      throw new TswitchError(
        'NETNS_NOT_FOUND',
        `${spec} is another network namespace now: unplug the port and plug it again`,
      );
    }
    await act(netns);
  } finally {
    netns.close();
  }
}

/** Why a far end is gone, for people. */
export async function whyLost({ spec }: NetnsMemory, ifname: string): Promise<string> {
  try {
    (await resolveNetns(spec)).close();
    return `its interface ${ifname} in namespace ${spec} is gone`;
  } catch {
    return `namespace ${spec} is gone`;
  }
}
