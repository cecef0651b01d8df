/** A folder for a test's files, which is removed with the lab. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from './lab.ts';

export function makeFolder(lab: Lab): string {
  const folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-`));
  lab.defer(() => rmSync(folder, { recursive: true }));
  return folder;
}
