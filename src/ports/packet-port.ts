/**
 * A port over AF_PACKET: kinds `veth` and `packet`. Receives from one ring, or from two that split the frames by length
 * (many small slots, few that hold a whole super-frame: see docs/decisions); sends by sendmmsg straight from where the
 * frames lie.
 */
import { SO_ERROR, SOL_SOCKET } from '../../native-bindings/abi/socket.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import type { Batch } from '../frame/batch.ts';
import type { GatherList } from './gather-list.ts';
import type { PacketRing } from './packet-ring.ts';
import type { Port } from './port.ts';
import { sendMessages } from './send-messages.ts';

export interface PacketFds {
  /** Of the rings. */
  readonly rings: readonly number[];
  /** Sends frames with their virtio-net headers. */
  readonly send: number;
  /** Sends finished frames without them: the kernel has less to copy and to look at (docs/decisions/0012). */
  readonly sendFinished: number;
}

export class PacketPort implements Port {
  readonly handle: number;
  readonly #fds: PacketFds;
  readonly #small: PacketRing;
  readonly #large: PacketRing | null;

  constructor(handle: number, fds: PacketFds, small: PacketRing, large: PacketRing | null) {
    this.handle = handle;
    this.#fds = fds;
    this.#small = small;
    this.#large = large;
  }

  pending(): boolean {
    return this.#small.ready(0, 1) === 1 || (this.#large !== null && this.#large.ready(0, 1) === 1);
  }

  /** The kernel says that there are frames. They are at the cursors, unless a worker before this one ended halfway. */
  markReadable(): void {
    if (this.pending()) return;
    this.#small.resume();
    this.#large?.resume();
  }

  /** The netdev went down or away. Asking for the error clears it; frames go on when the netdev comes up again. */
  clearError(): boolean {
    const { rings, send, sendFinished } = this.#fds;
    for (const fd of [...rings, send, sendFinished]) sys.getsockopt(fd, SOL_SOCKET, SO_ERROR, new Uint8Array(4));
    return true;
  }

  receive(batch: Batch): void {
    const small = this.#small.ready(0, batch.limit);
    const large = this.#large === null ? 0 : this.#large.ready(0, batch.limit);
    if (this.#large === null || large === 0) this.#small.take(small, batch);
    else this.#merge(batch, small, this.#large, large);
  }

  claim(): void {
    this.#small.claim();
    this.#large?.claim();
  }

  release(): void {
    this.#small.release();
    this.#large?.release();
  }

  transmit(list: GatherList): void {
    if (!list.isUnfinished) list.dropHeaders();
    sendMessages(list.isUnfinished ? this.#fds.send : this.#fds.sendFinished, list);
  }

  /**
   * Puts both rings' frames into the batch in the order they came, by their time stamps. A frame of one flow is visible
   * before any later one of that flow, so what was counted as ready bounds what may be taken: of the small ring, counted
   * first, everything counted; beyond that (counted again) only what came before the last large frame seen.
   */
  #merge(batch: Batch, counted: number, largeRing: PacketRing, large: number): void {
    const small = this.#small.ready(counted, batch.limit);
    let smallLeft = small;
    let largeLeft = large;
    let certain = counted;
    while (batch.count < batch.limit) {
      if (largeLeft > 0 && (smallLeft === 0 || !this.#small.isBefore(0, largeRing, 0))) {
        largeRing.take(1, batch);
        largeLeft--;
      } else if (smallLeft > 0 && (largeLeft > 0 || certain > 0)) {
        this.#small.take(1, batch);
        smallLeft--;
        certain--;
      } else {
        return;
      }
    }
  }
}
