/** A NIC of the host: whether it can be given away, into a namespace and back, and found again wherever the kernel put it. */
import { IFF_UP } from '../../../native-bindings/abi/ioctl.ts';
import { findNetdev } from '../../control/attach/existing-netdev.ts';
import { refuseStranger } from '../../control/attach/netns-memory.ts';
import { TswitchError } from '../../control/errors.ts';
import type { SwitchControl } from '../../control/model.ts';
import { ipBatch, ipJson } from '../../control/plumbing/ip.ts';
import { listNetdevs, type Netdev, readNetdev, refuseExisting } from '../../control/plumbing/netdev.ts';
import { type Netns, resolveNetns } from '../../control/plumbing/netns.ts';
import type { NicRecord } from '../model.ts';
import { GATEWAY_PREFIX } from '../names.ts';

/** What `ip -json -details` says of a link. */
interface Link {
  ifname: string;
  address?: string;
  /** Where it is not the address that it has now. */
  permaddr?: string;
  master?: string;
  /** The one that it is built upon; of a veth its other end. */
  link?: string;
  linkinfo?: { info_kind?: string };
}

interface Route {
  dev?: string;
  nexthops?: { dev: string }[];
}

const links = async (): Promise<Link[]> => (await ipJson(null, ['link', 'show'])) as Link[];

/**
 * @param force even if the host's default route goes by it
 * @throws TswitchError NETDEV_NOT_FOUND, NETDEV_BUSY, BAD_REQUEST
 */
export async function findNic(control: SwitchControl, name: string, force: boolean): Promise<Netdev> {
  const netdev = findNetdev(name);
  const busy = (why: string): never => {
    throw new TswitchError('NETDEV_BUSY', `${name} cannot be given away: ${why}`);
  };
  const port = control.ports().find((each) => each.netdev === name || (each.netns === 'host' && each.ifname === name));
  if (port || name.startsWith(GATEWAY_PREFIX)) busy(`it is in use by port ${port?.name ?? 'of a network'}`);
  const all = await links();
  const { master } = all.find(({ ifname }) => ifname === name) ?? {};
  if (master !== undefined) busy(`it is part of ${master}; take it out first (\`ip link set ${name} nomaster\`)`);
  const above = all.find(({ link, linkinfo }) => link === name && linkinfo?.info_kind !== 'veth');
  if (above) busy(`${above.ifname} is built upon it; remove that first`);
  if (!force && (await hasDefaultRoute(name))) {
    busy("the host's default route goes by it; give another, or insist with --force");
  }
  return netdev;
}

async function hasDefaultRoute(name: string): Promise<boolean> {
  for (const family of ['-4', '-6']) {
    const routes = (await ipJson(null, [family, 'route', 'show', 'default'])) as Route[];
    if (routes.some(({ dev, nexthops = [] }) => dev === name || nexthops.some((hop) => hop.dev === name))) return true;
  }
  return false;
}

/** What a NIC is in the host. Addresses that somebody leased for it are his to bring back. */
export async function stateInHost({ name, flags, mtu }: Netdev): Promise<NicRecord['before']> {
  const [shown] = (await ipJson(null, ['address', 'show', 'dev', name])) as {
    addr_info: { local: string; prefixlen: number; scope: string; dynamic?: boolean }[];
  }[];
  const own = (shown?.addr_info ?? []).filter(({ scope, dynamic }) => scope === 'global' && dynamic !== true);
  const addresses = own.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  return { isUp: (flags & IFF_UP) !== 0, mtu, addresses };
}

/** Moves it there, with addresses and default route, or leaves it in the host as it was. */
export async function giveNic(netns: Netns, nic: NicRecord): Promise<void> {
  const { name, ifname, addresses, gateway, before } = nic;
  refuseExisting(netns, ifname);
  await ipBatch(null, [['link', 'set', 'dev', name, 'netns', netns.path, 'name', ifname]]);
  try {
    await ipBatch(netns, [
      ...addresses.map((address) => ['address', 'add', address, 'dev', ifname]),
      ['link', 'set', 'dev', ifname, 'up'],
      ...(gateway === null ? [] : [['route', 'add', 'default', 'via', gateway, 'dev', ifname]]),
    ]);
  } catch (error) {
    await moveHome(netns, ifname, name);
    await putInOrder(name, before);
    throw error;
  }
}

/**
 * Brings it back to the host.
 *
 * @returns false: it is not in its namespace
 * @throws TswitchError NETDEV_EXISTS where another has its name meanwhile
 */
export async function takeBackNic(nic: NicRecord): Promise<boolean> {
  return withNic(nic, async (found, netns) => {
    refuseExisting(null, nic.name);
    await moveHome(netns, found.name, nic.name);
    await putInOrder(nic.name, nic.before);
    return true;
  });
}

/** Whether the NIC is in the namespace that it was given to. */
export function isGiven(nic: NicRecord): Promise<boolean> {
  return withNic(nic, () => Promise.resolve(true));
}

/**
 * Finds it in the host, where the kernel puts hardware whose namespace ends, under a name of its own choice and down; and makes
 * it what it was.
 *
 * @returns its name there; null: it is not in the host
 */
export async function welcomeNic({ name, mac, kind, before }: NicRecord): Promise<string | null> {
  const found = (await links()).find(({ address, permaddr, linkinfo }) => {
    return (address === mac || permaddr === mac) && (linkinfo?.info_kind ?? null) === kind;
  });
  if (!found) return null;
  const isFree = found.ifname !== name && !readNetdev(null, name);
  if (isFree) {
    await ipBatch(null, [
      ['link', 'set', 'dev', found.ifname, 'down'],
      ['link', 'set', 'dev', found.ifname, 'name', name],
    ]);
  }
  const now = isFree ? name : found.ifname;
  await putInOrder(now, before);
  return now;
}

/** @returns what `act` does with it; false: it is not in its namespace */
async function withNic(nic: NicRecord, act: (found: Netdev, netns: Netns) => Promise<boolean>): Promise<boolean> {
  const netns = await resolveNetns(nic.netns).catch(() => null);
  if (!netns) return false;
  try {
    if (isStranger(netns, nic)) return false;
    const found = listNetdevs(netns).find(({ mac, kind }) => mac === nic.mac && kind === nic.kind);
    return found !== undefined && (await act(found, netns));
  } finally {
    netns.close();
  }
}

function isStranger(netns: Netns, { remembered }: NicRecord): boolean {
  try {
    if (remembered) refuseStranger(netns, remembered);
    return false;
  } catch {
    return true;
  }
}

async function moveHome(netns: Netns, ifname: string, name: string): Promise<void> {
  const home = await resolveNetns('host');
  try {
    await ipBatch(netns, [['link', 'set', 'dev', ifname, 'netns', home.path, 'name', name]]);
  } finally {
    home.close();
  }
}

/** Moving takes a netdev down and its addresses away. */
async function putInOrder(name: string, { isUp, mtu, addresses }: NicRecord['before']): Promise<void> {
  const netdev = readNetdev(null, name);
  const has = netdev ? (await stateInHost(netdev)).addresses : [];
  const missing = addresses.filter((address) => !has.includes(address));
  await ipBatch(null, [
    ['link', 'set', 'dev', name, 'mtu', String(mtu)],
    ...missing.map((address) => ['address', 'add', address, 'dev', name]),
    ['link', 'set', 'dev', name, isUp ? 'up' : 'down'],
  ]);
}
