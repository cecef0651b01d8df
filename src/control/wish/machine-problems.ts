/**
 * What this machine has against a document: namespaces that are not there, names that are taken, netdevs that cannot be
 * ports. Asked before anything is touched, of the ports that would be made; what goes wrong later is undone.
 */
import { findNetdev } from '../attach/existing-netdev.ts';
import { netdevName } from '../attach/netdev-name.ts';
import { TswitchError } from '../errors.ts';
import { readNetdev, refuseExisting } from '../plumbing/netdev.ts';
import { type Netns, resolveNetns } from '../plumbing/netns.ts';
import type { Owner } from '../plumbing/ownership.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { pointer, type Problem } from './problem.ts';

/**
 * @param owner of the ports that there are
 * @param added ports that would be made, with their places in the document's list
 * @param removed ports that go before: what is theirs is in nobody's way
 */
export async function machineProblems(
  owner: Owner,
  added: readonly { port: NormalPortRequest; index: number }[],
  removed: readonly NormalPortRequest[],
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const freed = await farEndsOf(removed);
  for (const { port, index } of added) {
    const note = (field: string, error: unknown): void => {
      if (!(error instanceof TswitchError)) throw error;
      problems.push({ path: pointer('ports', index, field), code: error.code, message: error.message });
    };
    if (port.netdev !== null) attempt('netdev', () => findNetdev(port.netdev ?? ''), note);
    else await judgeFarEnd(owner, port, freed, note);
  }
  return problems;
}

type Note = (field: string, error: unknown) => void;

async function judgeFarEnd(
  owner: Owner,
  port: NormalPortRequest,
  freed: ReadonlySet<string>,
  note: Note,
): Promise<void> {
  const own = netdevName(port.name);
  // One of this very port is of a life before this one, and gives way.
  if (!owner.ownMark(readNetdev(null, own)?.alias ?? null, port.name))
    attempt('name', () => refuseExisting(null, own), note);
  let netns: Netns;
  try {
    netns = await resolveNetns(port.netns ?? '');
  } catch (error) {
    const isToBeMade = port.createNetns && error instanceof TswitchError && error.code === 'NETNS_NOT_FOUND';
    if (!isToBeMade) note('netns', error);
    return;
  }
  try {
    const ifname = port.ifname ?? '';
    if (!freed.has(farEndKey(netns, ifname))) attempt('ifname', () => refuseExisting(netns, ifname), note);
  } finally {
    netns.close();
  }
}

/** The far ends of these ports, as far as their namespaces are there. */
async function farEndsOf(ports: readonly NormalPortRequest[]): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const { netns: spec, ifname } of ports) {
    if (spec === null) continue;
    const netns = await resolveNetns(spec).catch(() => null);
    if (netns) keys.add(farEndKey(netns, ifname ?? ''));
    netns?.close();
  }
  return keys;
}

function farEndKey({ inode }: Netns, ifname: string): string {
  return `${inode} ${ifname}`;
}

function attempt(field: string, check: () => unknown, note: Note): void {
  try {
    check();
  } catch (error) {
    note(field, error);
  }
}
