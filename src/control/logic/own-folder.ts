/** Folders for the time of one process, whose names say which: what a killed one left is removed by the next that makes one. */
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive, ownMark } from '../plumbing/process-mark.ts';

const NAME = /^tswitch-[a-z]+-([0-9]+)-([0-9]+)-([0-9]+)-[A-Za-z0-9]{6}$/;

/** Only this user can open it. @param what it is for: a-z */
export async function makeOwnFolder(what: string): Promise<string> {
  await removeLeftFolders();
  const { pid, start, pidns } = ownMark();
  return mkdtemp(join(tmpdir(), `tswitch-${what}-${pid}-${start}-${pidns}-`));
}

/** Of this user's processes that have ended. What cannot be removed stays. */
export async function removeLeftFolders(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names) {
    const [, pid, start, pidns] = NAME.exec(name) ?? [];
    if (pid === undefined || isProcessAlive({ pid: Number(pid), start: Number(start), pidns: Number(pidns) })) continue;
    const path = join(tmpdir(), name);
    const found = await lstat(path).catch(() => null);
    // Anybody may give such a name to something in /tmp.
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
