/** What the kernel's interface flags (linux/if.h) mean for a port. */
import { IFF_LOWER_UP, IFF_UP } from '../../../native-bindings/abi/ioctl.ts';
import type { LinkState } from './attachment.ts';

export function linkStateOf(link: { flags: number; gone: boolean }): LinkState {
  const needed = IFF_UP | IFF_LOWER_UP;
  return { up: !link.gone && (link.flags & needed) === needed, lost: link.gone };
}
