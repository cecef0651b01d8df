/** Sending a gather list by a packet socket: one sendmmsg for all of it, straight from where the frames lie. */
import { EAGAIN, ENETDOWN, ENOBUFS, ENXIO } from '../../native-bindings/abi/errno.ts';
import { MSG_DONTWAIT } from '../../native-bindings/abi/socket.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import type { GatherList } from './gather-list.ts';

/** Sets each message's status: 0, or the errno it was refused with. */
export function sendMessages(fd: number, list: GatherList): void {
  const { status, count } = list;
  let done = 0;
  while (done < count) {
    const sent = sys.sendmmsg(fd, list.messageAddress(done), count - done, MSG_DONTWAIT);
    if (sent > 0) {
      status.fill(0, done, done + sent);
      done += sent;
      continue;
    }
    // sendmmsg stops at the first message it cannot send: that one is skipped, unless the next would meet the same fate.
    const errno = -sent;
    const end = errno === EAGAIN || errno === ENOBUFS || errno === ENETDOWN || errno === ENXIO ? count : done + 1;
    status.fill(errno, done, end);
    done = end;
  }
}
