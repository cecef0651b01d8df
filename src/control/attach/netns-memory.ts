/**
 * What the namespace of a port was, so that a lost port finds the same one again and never a stranger. A name or a path means
 * whatever stands there now, as it does for its user; a pid means one process, and the namespace it was in.
 */
import { readlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TswitchError } from '../errors.ts';
import { type Netns, netnsPath, resolveNetns } from '../plumbing/netns.ts';
import { processStat } from '../plumbing/process-mark.ts';

/** A file of /proc that belongs to a process, and whether it is that process's namespace. */
const OF_PROCESS = /^\/proc\/([0-9]+)\/(?:task\/[0-9]+\/)?(ns\/net$)?/;
/** As many as the kernel follows. */
const LINKS_MAX = 40;
/** Start of a process that no process has. */
const ENDED = -1;

export interface NetnsMemory {
  readonly spec: string;
  /** Of the namespace when the port was attached. */
  readonly inode: number;
  /** The process that the spec leads to, if it does. */
  readonly process: ProcessMemory | null;
}

export interface ProcessMemory {
  readonly pid: number;
  /** In clock ticks since boot: tells it from a later one with its number. ENDED: it had ended already. */
  readonly start: number;
  /** The spec names this process's own namespace, which it may leave for another. */
  readonly isItsOwn: boolean;
}

/** @param netns open, so that its process, if it is one's, has not ended before */
export async function rememberNetns({ spec, inode }: Netns): Promise<NetnsMemory> {
  const found = await processOf(spec);
  return { spec, inode, process: found && { ...found, start: processStat(found.pid)?.start ?? ENDED } };
}

/**
 * What the namespace is known by where it is a process's; null for one that is found by its name.
 *
 * @throws TswitchError, as resolveNetns
 */
export async function rememberProcess(spec: string): Promise<NetnsMemory | null> {
  const netns = await resolveNetns(spec);
  try {
    const memory = await rememberNetns(netns);
    return memory.process ? memory : null;
  } finally {
    netns.close();
  }
}

/** Of a port whose namespace nobody can name any more. */
export function unknownNetns(spec: string): NetnsMemory {
  return { spec, inode: 0, process: null };
}

/** The same after the machine was started anew: no process lives on, and no namespace is the same. Null: anything will do. */
export function afterReboot({ process: owner, ...memory }: NetnsMemory): NetnsMemory | null {
  return owner === null ? null : { ...memory, process: { ...owner, start: ENDED } };
}

/**
 * @param netns what the spec leads to now; open
 * @throws TswitchError NETNS_NOT_FOUND if it is a stranger's
 */
export function refuseStranger(netns: Netns, { spec, inode, process: owner }: NetnsMemory): void {
  if (owner === null) return;
  if (processStat(owner.pid)?.start !== owner.start) {
    throw new TswitchError(
      'NETNS_NOT_FOUND',
      `the process ${owner.pid} that ${spec} stood for has ended: unplug the port`,
    );
  }
  if (owner.isItsOwn && netns.inode !== inode) {
    throw new TswitchError(
      'NETNS_NOT_FOUND',
      `the process ${owner.pid} is in another network namespace now: unplug the port and plug it again`,
    );
  }
}

/** The process whose file the spec is, directly or by symbolic links; null for any other file, and for the daemon's own. */
async function processOf(spec: string): Promise<Omit<ProcessMemory, 'start'> | null> {
  let path = netnsPath(spec);
  for (let links = 0; links < LINKS_MAX; links++) {
    const match = OF_PROCESS.exec(path);
    if (match) {
      const pid = Number(match[1]);
      return pid === process.pid ? null : { pid, isItsOwn: match[2] !== undefined };
    }
    const target = await readlink(path).catch(() => null);
    if (target === null) return null;
    path = resolve(dirname(path), target);
  }
  return null;
}
