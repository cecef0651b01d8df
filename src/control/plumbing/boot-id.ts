/** Which run of the kernel this is: pids, inodes of namespaces and netdevs mean nothing in another one. */
import { readFileSync } from 'node:fs';

/** A UUID (random(4), boot_id). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
