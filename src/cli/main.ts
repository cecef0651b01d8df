/**
 * Starts the command line. Node keeps the stripped and compiled modules for the next time, which makes commands start in
 * a third of the time; in the installation and not in the shared /tmp, where others could plant code for root to run.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Of the daemon (libuv's, of which there are 4 by default): on these it waits for the kernel, which takes 10 to 20 ms for each ring
 * of a port whether one is made or many.
 */
const HELPER_THREADS = '16';

const { directory } = enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/tswitch', import.meta.url)));

// A reader that has seen enough (`tswitch fdb ls | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

if (process.argv[2] === 'serve') {
  // They are started when the first is needed.
  process.env['UV_THREADPOOL_SIZE'] ??= HELPER_THREADS;
  // Workers read it there.
  if (directory !== undefined) process.env['NODE_COMPILE_CACHE'] ??= directory;
  await dropPrivileges();
}
const { main } = await import('./program.ts');
process.exitCode = await main(process.argv);

/**
 * Before the program is loaded, because it starts the process anew and all that was loaded is loaded again: a tenth of a
 * second. Where it fails, the daemon tries again and says why; where flags come before the command, it is the first to try.
 */
async function dropPrivileges(): Promise<void> {
  try {
    (await import('../control/plumbing/drop-privileges.ts')).dropPrivileges();
  } catch {
    // See above.
  }
}
