/** Files that are started by their name: programs and threads. They are .ts in a checkout and .js in the package. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @param importer `import.meta.url` of the module that asks
 * @param path of the file from there, without its ending
 */
export function programFile(importer: string, path: string): string {
  return fileURLToPath(new URL(path + extname(importer), importer));
}
