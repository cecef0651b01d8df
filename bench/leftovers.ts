/** Names of what a run makes carry its pid, so that the next run can remove what one that was killed left behind. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './system/command.ts';

const NAME = /^tswb-(\d+)(-[0-9a-z]+)*$/;

/** The prefix of this run's names. */
export function runPrefix(): string {
  return `tswb-${process.pid}`;
}

/** The private folder of this run, removed with the stack. */
export async function makeFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = join(tmpdir(), runPrefix());
  await mkdir(folder, { mode: 0o700 });
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Removes namespaces and folders of runs whose process is gone. */
export async function removeLeftovers(): Promise<void> {
  for (const netns of await namesOfDeadRuns('/run/netns')) await run(['ip', 'netns', 'delete', netns]);
  for (const name of await namesOfDeadRuns(tmpdir())) await rm(join(tmpdir(), name), { recursive: true, force: true });
}

async function namesOfDeadRuns(folder: string): Promise<string[]> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.filter((name) => {
    const pid = NAME.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}
