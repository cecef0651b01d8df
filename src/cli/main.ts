/**
 * Starts the command line. Node keeps the stripped and compiled modules for the next time, which makes commands start in
 * a third of the time; in the installation and not in the shared /tmp, where others could plant code for root to run.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/tswitch', import.meta.url)));

// A reader that has seen enough (`tswitch fdb ls | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

if (process.argv[2] === 'serve') await dropPrivileges();
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
