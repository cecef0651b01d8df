/** `npm run docker-plugin -- DIR`: makes the folder that `docker plugin create NAME DIR` takes. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EXEC_ROOT_DEFAULT, pluginConfig } from './config.ts';
import { makeRootfs } from './rootfs.ts';

const USAGE = 'usage: npm run docker-plugin -- [--exec-root PATH] DIR (a folder that is empty or not there yet)';

function fail(message: string): never {
  console.error(`tswitch: ${message}`);
  process.exit(1);
}

function readArguments(): { folder: string; execRoot: string } {
  const options = { 'exec-root': { type: 'string', default: EXEC_ROOT_DEFAULT } } as const;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [folder, ...more] = positionals;
    if (folder === undefined || more.length > 0) fail(USAGE);
    if (!isAbsolute(values['exec-root'])) fail("--exec-root: give dockerd's, an absolute path");
    return { folder: resolve(folder), execRoot: values['exec-root'] };
  } catch (error) {
    fail(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

const { folder, execRoot } = readArguments();
if (existsSync(folder) && readdirSync(folder).length > 0) fail(`${folder} is not empty: give another folder`);
const rootfs = join(folder, 'rootfs');
mkdirSync(rootfs, { recursive: true });
try {
  await makeRootfs(rootfs);
} catch (error) {
  rmSync(rootfs, { recursive: true });
  fail(error instanceof Error ? error.message : String(error));
}
writeFileSync(join(folder, 'config.json'), `${JSON.stringify(pluginConfig(execRoot), null, 2)}\n`);
console.log(`made ${folder}; now: docker plugin create tswitch ${folder} && docker plugin enable tswitch`);
