/**
 * The state of a TAP in another namespace. A netlink socket there would keep the namespace alive after its last user, so
 * the TAP's own descriptor is asked instead: it knows its netdev's namespace and name, also after a move or a rename.
 */
import { TUNGETDEVNETNS, TUNGETIFF } from '../../../native-bindings/abi/if-tun.ts';
import { IFF_UP, IFREQ, SIOCGIFFLAGS } from '../../../native-bindings/abi/ioctl.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../../../native-bindings/abi/socket.ts';
import { sys } from '../../../native-bindings/syscalls.ts';
import type { TapSocket } from '../../ports/open-tap.ts';
import { inNetns } from '../plumbing/netns.ts';
import type { LinkState } from './attachment.ts';

const POLL_MS = 400;

export function watchTap(tap: TapSocket, onChange: (state: LinkState) => void): { state: LinkState; close(): void } {
  let state = readTapLink(tap);
  const timer = setInterval(() => {
    const now = readTapLink(tap);
    if (now.up === state.up && now.lost === state.lost) return;
    state = now;
    onChange(now);
  }, POLL_MS).unref();
  return { state, close: () => clearInterval(timer) };
}

function readTapLink(tap: TapSocket): LinkState {
  const fd = sys.ioctlInt(tap.fd, TUNGETDEVNETNS, 0);
  if (fd < 0) return { up: false, lost: true };
  try {
    const request = new Uint8Array(IFREQ.size);
    if (sys.ioctl(tap.fd, TUNGETIFF, request) < 0) return { up: false, lost: true };
    const result = inNetns({ fd }, () => {
      const socket = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      const answer = sys.ioctl(socket, SIOCGIFFLAGS, request);
      sys.close(socket);
      return answer;
    });
    if (result < 0) return { up: false, lost: true };
    const flags = new DataView(request.buffer).getUint16(IFREQ.flags, true);
    return { up: (flags & IFF_UP) !== 0, lost: false };
  } finally {
    sys.close(fd);
  }
}
