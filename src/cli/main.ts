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

const { main } = await import('./program.ts');
process.exitCode = await main(process.argv);
