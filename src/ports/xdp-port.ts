/**
 * A port over AF_XDP: kind `xdp`. Each of the netdev's queues belongs to one worker, which receives from it; a worker sends by
 * a queue of its own, or where there are fewer queues than workers, by a packet socket. Frames carry no virtio-net header:
 * egress finishes checksums and segments for such a port (see docs/decisions/0010-xdp.md).
 */
import { SO_ERROR, SOL_SOCKET } from '../../native-bindings/abi/socket.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import type { Batch } from '../frame/batch.ts';
import type { PortResources } from '../shared/commands.ts';
import type { GatherList } from './gather-list.ts';
import type { Memory } from './memory.ts';
import type { Port } from './port.ts';
import { sendMessages } from './send-messages.ts';
import { type Scratch, XdpReceiver } from './xdp-receiver.ts';
import { XdpSender } from './xdp-sender.ts';

export class XdpPort implements Port {
  readonly handle: number;
  readonly #fds: number[];
  readonly #receivers: XdpReceiver[];
  readonly #sender: XdpSender | null;
  readonly #packetFd: number;
  /** The queue that the next batch begins with, so that a busy one does not keep the others waiting. */
  #first = 0;

  /** @param scratch where frames are put together that came in several chunks */
  constructor(handle: number, memory: Memory, scratch: Scratch, resources: PortResources & { kind: 'xdp' }) {
    const { umem, queues, send } = resources;
    this.handle = handle;
    this.#fds = queues.map(({ fd }) => fd);
    this.#receivers = queues.map((rings) => new XdpReceiver(memory.bytes, umem, scratch, rings));
    this.#sender = send.kind === 'ring' ? new XdpSender(memory.bytes, umem, send.fd, send) : null;
    this.#packetFd = send.kind === 'packet' ? send.sendFd : -1;
  }

  pending(): boolean {
    for (const receiver of this.#receivers) if (receiver.ready()) return true;
    return false;
  }

  markReadable(): void {}

  /** The netdev is gone. Asking for the error clears it. */
  clearError(): boolean {
    for (const fd of this.#fds) sys.getsockopt(fd, SOL_SOCKET, SO_ERROR, new Uint8Array(4));
    return true;
  }

  receive(batch: Batch): void {
    const receivers = this.#receivers;
    const count = receivers.length;
    for (let k = 0; k < count && batch.count < batch.limit; k++) {
      receivers[(this.#first + k) % count]!.take(batch);
    }
    this.#first = (this.#first + 1) % count;
  }

  claim(): void {}

  release(): void {
    for (const receiver of this.#receivers) receiver.release();
  }

  transmit(list: GatherList): void {
    if (this.#sender) this.#sender.transmit(list);
    else sendMessages(this.#packetFd, list);
  }
}
