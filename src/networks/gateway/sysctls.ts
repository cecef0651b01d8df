/**
 * The few settings of the host's kernel that networks need: that it forwards packets. What is changed is kept before it is
 * changed, shown with every network, and put back with the last network that needs it.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { TswitchError } from '../../control/errors.ts';
import type { SysctlChange } from '../model.ts';
import type { State } from '../state.ts';

const IPV4_FORWARD = 'net.ipv4.ip_forward';
const IPV6_FORWARD = 'net.ipv6.conf.all.forwarding';
const IPV6_CONF = '/proc/sys/net/ipv6/conf';
/** Router advertisements are heard by a host (1), and with 2 also by one that forwards (ip-sysctl, accept_ra). */
const RA_AS_HOST = '1';
const RA_ALWAYS = '2';

/** Ends of ports, gateways, and what is about to be taken into a namespace. */
const OWN = /^ts[wgd]-/;

/** Has the kernel forward packets of the family, if it does not yet. */
export async function ensureForwarding(state: State, family: 4 | 6): Promise<void> {
  const name = family === 4 ? IPV4_FORWARD : IPV6_FORWARD;
  if ((await read(name)) === '1') return;
  // A host that forwards no longer hears routers, and would lose its own IPv6.
  const changes = family === 4 ? [] : await advertisementChanges();
  changes.push({ name, before: '0', now: '1' });
  const known = new Set(state.document.sysctls.map((each) => each.name));
  const news = changes.filter((each) => !known.has(each.name));
  await state.commit({ ...state.document, sysctls: [...state.document.sysctls, ...news] });
  for (const change of changes) await write(change.name, change.now);
}

/** Puts back what still is as it was made; somebody else may have decided otherwise meanwhile. */
export async function putBack(state: State): Promise<void> {
  for (const { name, before, now } of state.document.sysctls.toReversed()) {
    // The interface that it was of may be gone.
    const current = await read(name).catch(() => null);
    if (current === now) await write(name, before);
  }
  await state.commit({ ...state.document, sysctls: [] });
}

async function advertisementChanges(): Promise<SysctlChange[]> {
  const changes: SysctlChange[] = [];
  for (const ifname of await readdir(IPV6_CONF)) {
    if (ifname === 'all' || ifname === 'lo' || OWN.test(ifname)) continue;
    const name = `net.ipv6.conf.${ifname.replaceAll('.', '/')}.accept_ra`;
    if ((await read(name)) === RA_AS_HOST) changes.push({ name, before: RA_AS_HOST, now: RA_ALWAYS });
  }
  return changes;
}

/** A dot in a name is a step of the path; one that belongs to an interface's name is written as a slash (sysctl(8)). */
function pathOf(name: string): string {
  const steps = name.split('.').map((step) => step.replaceAll('/', '.'));
  return `/proc/sys/${steps.join('/')}`;
}

async function read(name: string): Promise<string> {
  return (await readFile(pathOf(name), 'utf8')).trim();
}

async function write(name: string, value: string): Promise<void> {
  try {
    await writeFile(pathOf(name), value);
  } catch (error) {
    throw new TswitchError(
      'NOT_PERMITTED',
      `the kernel setting ${name} cannot be made ${value}: run \`sysctl -w ${name}=${value}\` yourself, or create the network with --internal`,
      undefined,
      error,
    );
  }
}
