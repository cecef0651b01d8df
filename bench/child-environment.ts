/** What every program that a run starts finds in its environment. */
import { fileURLToPath } from 'node:url';

/** The command line's (src/cli/main.ts): what Node has stripped and compiled before. */
const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/tswitch', import.meta.url));

/** Debian's `su` leaves out the folders that ip, ethtool and the switches are in. Dozens of generators start in a run. */
export function prepareEnvironment(): void {
  process.env['PATH'] += ':/usr/sbin:/sbin';
  process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE;
}
