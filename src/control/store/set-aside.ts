/** Damaged files are renamed, never deleted: whoever mends one by hand should find it. */
import { existsSync, renameSync } from 'node:fs';

/**
 * @param suffixes of the files that belong together
 * @returns what the first one is called now
 */
export function setAside(path: string, suffixes: readonly string[] = ['']): string {
  const place = freePlace(`${path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`);
  for (const suffix of suffixes) if (existsSync(path + suffix)) renameSync(path + suffix, place + suffix);
  return place;
}

function freePlace(path: string): string {
  if (!existsSync(path)) return path;
  for (let number = 2; ; number++) if (!existsSync(`${path}.${number}`)) return `${path}.${number}`;
}
