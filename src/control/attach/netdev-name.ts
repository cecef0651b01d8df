/** Names of the netdevs that tswitch makes. */
import { createHash } from 'node:crypto';
import { NETDEV_NAME_BYTES_MAX } from '../../limits.ts';

/** `tsw-NAME` if the kernel takes that as a name, else `tsw-` and 8 hex digits made from it. */
export function netdevName(port: string): string {
  const name = `tsw-${port}`;
  if (name.length <= NETDEV_NAME_BYTES_MAX && !name.includes(':')) return name;
  return `tsw-${createHash('sha256').update(port).digest('hex').slice(0, 8)}`;
}

/** A random unicast MAC address from the locally administered range (IEEE 802-2014, 8.4). */
export function randomMac(random: (bytes: number) => Uint8Array): string {
  const bytes = random(6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
