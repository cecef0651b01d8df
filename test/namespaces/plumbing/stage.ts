/** What the tests of the plumbing share: a namespace of their own, a pair with one end in it, and taking both away again. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { deleteNetdev } from '../../../src/control/plumbing/netdev.ts';
import type { VethPair } from '../../../src/control/plumbing/netdev.ts';
import { createNetns, resolveNetns } from '../../../src/control/plumbing/netns.ts';
import type { Netns } from '../../../src/control/plumbing/netns.ts';
import { Owner } from '../../../src/control/plumbing/ownership.ts';

export const run = promisify(execFile);
/** Of everything that is made here: netdevs' names have no more than 15 bytes. */
export const PREFIX = `tswp${process.pid % 10_000}`;
export const RED = `${PREFIX}-red`;
/** Of what is made here. */
export const owner = new Owner();
/** The switch's end of pairs. */
export const OWN = `${PREFIX}-own`;
export const MAC = '02:00:00:00:00:aa';

export interface Stage {
  red: Netns;
  host: Netns;
  close(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  await createNetns(RED);
  const red = await resolveNetns(RED);
  const host = await resolveNetns('host');
  return {
    red,
    host,
    async close() {
      red.close();
      host.close();
      await deleteNetdev(OWN);
      await run('ip', ['netns', 'del', RED]);
    },
  };
}

export function pair(netns: Netns, change: Partial<VethPair> = {}): VethPair {
  return {
    own: OWN,
    ownAlias: owner.mark('red'),
    netns,
    ifname: 'eth0',
    mac: MAC,
    mtu: 1500,
    addresses: ['10.77.0.1/24', 'fd77::1/64'],
    gateway: null,
    ...change,
  };
}

/** Runs a module's source in a process of its own, without some capabilities (`-net_raw,-sys_admin`); gives what it prints. */
export async function runWithout(capabilities: string, source: string): Promise<string> {
  const node = [process.execPath, '--input-type=module', '-e', source];
  return (await run('setpriv', [`--bounding-set=${capabilities}`, ...node])).stdout;
}

/** For `import()` in such a source. */
export function plumbingUrl(module: string): string {
  return new URL(`../../../src/control/plumbing/${module}`, import.meta.url).href;
}
