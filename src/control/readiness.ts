/**
 * Waiting for descriptors that Node cannot wait for, such as netlink sockets: a worker has them in its epoll set and calls
 * through the board. So nobody looks at them from time to time, and nothing is spent while nothing happens.
 */
import { EPOLL_CTL_ADD, EPOLL_EVENT, EPOLLET, EPOLLIN } from '../../native-bindings/abi/epoll.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import { type Board, CALLS } from '../shared/board.ts';
import { FOR_CONTROL } from '../shared/worker-start.ts';

export class Readiness {
  readonly #epollFd: number;
  readonly #words: Int32Array;
  readonly #onReadable: () => void;
  readonly #end: Promise<void>;
  #isClosed = false;

  /** @param onReadable a watched descriptor became readable or has an error; several times may come as one */
  constructor(epollFd: number, { words }: Board, onReadable: () => void) {
    this.#epollFd = epollFd;
    this.#words = words;
    this.#onReadable = onReadable;
    this.#end = this.#answerCalls();
  }

  /** Until the descriptor is closed. */
  watch(fd: number): void {
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
    event.setUint32(EPOLL_EVENT.events, EPOLLIN | EPOLLET, true);
    event.setUint32(EPOLL_EVENT.data, FOR_CONTROL, true);
    check('epoll_ctl', sys.epollCtl(this.#epollFd, EPOLL_CTL_ADD, fd, new Uint8Array(event.buffer)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    Atomics.notify(this.#words, CALLS);
    await this.#end;
  }

  async #answerCalls(): Promise<void> {
    for (let answered = 0; !this.#isClosed;) {
      const calls = Atomics.load(this.#words, CALLS);
      if (calls !== answered) this.#onReadable();
      answered = calls;
      const waiting = Atomics.waitAsync(this.#words, CALLS, answered);
      if (waiting.async) await waiting.value;
    }
  }
}
