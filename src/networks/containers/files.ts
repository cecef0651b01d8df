/**
 * What a named namespace finds in /etc: `ip netns exec NAME` shows its programs /etc/netns/NAME/resolv.conf as
 * /etc/resolv.conf (ip-netns(8)). A file that somebody else wrote is left alone.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isNetnsName } from '../../control/netns-name.ts';
import { netnsPath } from '../../control/plumbing/netns.ts';

const FOLDER = '/etc/netns';
const MARK = '# Written by tswitch, which removes it when the container leaves the network.\n';

/** Has the namespace ask the gateways for names. Written in place: who runs there has this very file mounted already. */
export async function writeResolvConf(netns: string, gateways: readonly string[]): Promise<void> {
  if (!isNetnsName(netns)) return;
  const folder = join(FOLDER, netns);
  const file = join(folder, 'resolv.conf');
  const text = MARK + gateways.map((gateway) => `nameserver ${gateway}\n`).join('');
  const found = await readFile(file, 'utf8').catch(() => null);
  if (found === text || (found !== null && !found.startsWith(MARK))) return;
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
}

/** Removes the file if it is ours, and the folder if nothing else is in it. */
export async function removeResolvConf(netns: string): Promise<void> {
  if (!isNetnsName(netns)) return;
  const folder = join(FOLDER, netns);
  const file = join(folder, 'resolv.conf');
  const text = await readFile(file, 'utf8').catch(() => '');
  if (!text.startsWith(MARK)) return;
  await unlink(file);
  await rmdir(folder).catch(() => undefined);
}

/** Removes what a daemon that was killed wrote for namespaces that are gone. */
export async function removeLeftFiles(): Promise<void> {
  for (const netns of await readdir(FOLDER).catch(() => [])) {
    if (existsSync(netnsPath(netns))) continue;
    await removeResolvConf(netns);
    const hosts = await readFile(join(FOLDER, netns, 'hosts'), 'utf8').catch(() => '');
    if (hosts.startsWith(MARK)) await removeHosts(netns);
  }
}

/** What /etc/hosts says in the container: itself. */
export async function writeHosts(netns: string, names: readonly string[], addresses: readonly string[]): Promise<void> {
  const all = [...new Set(names)].join(' ');
  const own = addresses.map((address) => `${address.split('/')[0]} ${all}\n`);
  const folder = join(FOLDER, netns);
  await mkdir(folder, { recursive: true });
  const text = `${MARK}127.0.0.1 localhost\n::1 localhost ip6-localhost\n${own.join('') || `127.0.1.1 ${all}\n`}`;
  await writeFile(join(folder, 'hosts'), text);
}

export async function removeHosts(netns: string): Promise<void> {
  await rm(join(FOLDER, netns, 'hosts'), { force: true });
  await rmdir(join(FOLDER, netns)).catch(() => undefined);
}
