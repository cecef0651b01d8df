/**
 * Watches netdevs: up, carrier, gone. One netlink socket for each namespace that has a watched netdev; Node cannot wait for
 * such a descriptor, so someone else does, and calls `read` when there is something. While nothing happens, it costs nothing.
 * The socket keeps its namespace alive for as long as something in it is watched.
 *
 * Every watch also asks for the state once, and again when the kernel had to throw announcements away: the answers come in
 * by the same way and in the right order, so nothing that happens from the call of `watch` on is missed.
 */
import { EAGAIN, EINTR, ENOBUFS } from '../../../native-bindings/abi/errno.ts';
import { RTMGRP_LINK } from '../../../native-bindings/abi/netlink.ts';
import { MSG_TRUNC } from '../../../native-bindings/abi/socket.ts';
import { SyscallError, sys } from '../../../native-bindings/syscalls.ts';
import { LINK_MESSAGE_BYTES_MAX, askForLink, openLinkSocket, readLinkMessages } from './link-messages.ts';
import { homeInode, inNetns } from './netns.ts';
import type { LinkMessage } from './link-messages.ts';
import type { Netns } from './netns.ts';

/** Until what was lost is asked for again, where asking at once did not help. */
const RETRY_MS = 50;

export interface LinkEvent {
  netnsInode: number;
  ifindex: number;
  /** IFF_ bits (abi/ioctl.ts), IFF_LOWER_UP among them; 0 where `gone`. */
  flags: number;
  /** Deleted, or moved to another namespace. */
  gone: boolean;
}

interface Watch {
  ifindex: number;
  callback: (event: LinkEvent) => void;
  /** What was told last; null before the first time. */
  told: { flags: number; gone: boolean } | null;
}

interface WatchedNetns {
  inode: number;
  fd: number;
  watches: Set<Watch>;
  /** Announcements or answers were lost: everything has to be asked for again. */
  isStale: boolean;
}

export class LinkMonitor {
  readonly #namespaces = new Map<number, WatchedNetns>();
  readonly #buffer = new Uint8Array(LINK_MESSAGE_BYTES_MAX);
  readonly #onSocket: (fd: number) => void;
  #retry: NodeJS.Timeout | null = null;

  /** @param onSocket is told each socket, to call `read` whenever one becomes readable from then on, or has an error */
  constructor(onSocket: (fd: number) => void) {
    this.#onSocket = onSocket;
  }

  /**
   * Calls back at the next reading with the netdev's state, then whenever it changes.
   *
   * @param netns null for the daemon's own; may be closed afterwards
   * @returns ends the watch
   */
  watch(netns: Netns | null, ifindex: number, callback: (event: LinkEvent) => void): () => void {
    // What waits to be read is older than this watch: how the netdev was while it was being set up, say.
    const before = this.#namespaces.get(netns?.inode ?? homeInode);
    if (before) this.#drain(before);
    const namespace = this.#open(netns);
    const watch: Watch = { ifindex, callback, told: null };
    namespace.watches.add(watch);
    ask(namespace, watch);
    if (namespace.isStale) this.#readSoon();
    return () => {
      if (namespace.watches.delete(watch) && namespace.watches.size === 0) this.#close(namespace);
    };
  }

  /** Reads what the kernel has announced and answered, and tells of it. */
  read(): void {
    for (const namespace of this.#namespaces.values()) {
      this.#drain(namespace);
      if (!namespace.isStale) continue;
      namespace.isStale = false;
      // One by one, so that the answers cannot be too many for the socket's buffer themselves.
      for (const watch of namespace.watches) {
        ask(namespace, watch);
        this.#drain(namespace);
      }
      if (namespace.isStale) this.#readSoon();
    }
  }

  /** Ends all watches. */
  close(): void {
    if (this.#retry) clearTimeout(this.#retry);
    for (const namespace of this.#namespaces.values()) {
      namespace.watches.clear();
      this.#close(namespace);
    }
  }

  #open(netns: Netns | null): WatchedNetns {
    const inode = netns?.inode ?? homeInode;
    const known = this.#namespaces.get(inode);
    if (known) return known;
    const fd = inNetns(netns, () => openLinkSocket(RTMGRP_LINK));
    const namespace = { inode, fd, watches: new Set<Watch>(), isStale: false };
    this.#namespaces.set(inode, namespace);
    this.#onSocket(fd);
    return namespace;
  }

  #close(namespace: WatchedNetns): void {
    sys.close(namespace.fd);
    this.#namespaces.delete(namespace.inode);
  }

  #readSoon(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      this.read();
    }, RETRY_MS).unref();
  }

  /** A callback may end watches, and with the last one the socket is closed. */
  #drain(namespace: WatchedNetns): void {
    while (namespace.watches.size > 0) {
      const length = sys.recvBytes(namespace.fd, this.#buffer, MSG_TRUNC);
      if (length === -EAGAIN) break;
      if (length === -EINTR) continue;
      if (length === -ENOBUFS || length > this.#buffer.length) {
        namespace.isStale = true;
        continue;
      }
      if (length < 0) {
        namespace.isStale = true;
        break;
      }
      for (const { index, flags, gone } of messagesOf(namespace, this.#buffer, length)) {
        tell(namespace, index, gone ? 0 : flags, gone);
      }
    }
  }
}

/** The kernel may be out of memory for a question or its answer: then it is asked again, a little later. */
function ask(namespace: WatchedNetns, watch: Watch): void {
  try {
    askForLink(namespace.fd, watch.ifindex);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    namespace.isStale = true;
  }
}

function messagesOf(namespace: WatchedNetns, datagram: Uint8Array, length: number): LinkMessage[] {
  try {
    return readLinkMessages(datagram, length);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    namespace.isStale = true;
    return [];
  }
}

function tell(namespace: WatchedNetns, ifindex: number, flags: number, gone: boolean): void {
  for (const watch of namespace.watches) {
    if (watch.ifindex !== ifindex || (watch.told?.flags === flags && watch.told.gone === gone)) continue;
    watch.told = { flags, gone };
    watch.callback({ netnsInode: namespace.inode, ifindex, flags, gone });
  }
}
