/**
 * Waiting for frames or commands: an epoll set (level-triggered) of all the ports' descriptors and the eventfd that the
 * control plane rings. The descriptors belong to the control plane and outlive the worker.
 */
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
} from '../../native-bindings/abi/epoll.ts';
import { EEXIST } from '../../native-bindings/abi/errno.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import type { Memory } from '../ports/memory.ts';
import { FOR_CONTROL } from '../shared/worker-start.ts';

export const EVENTS_MAX = 64;
export const EVENTS_BYTES = EVENTS_MAX * EPOLL_EVENT.size;
/** The `data` of the wake-up descriptor; the others carry their port's handle. */
const WAKE = 0xffff;
const EVENTFD_BYTES = 8;

export class Waiter {
  readonly #epollFd: number;
  readonly #wakeFd: number;
  readonly #memory: Memory;
  readonly #eventsAt: number;
  readonly #view: DataView;
  /** Where the wake-up counter is read into: the events are read by then. */
  readonly #counterAddress: number;

  /** @param eventsAt offset of EVENTS_BYTES in the memory */
  constructor(epollFd: number, wakeFd: number, memory: Memory, eventsAt: number) {
    this.#epollFd = epollFd;
    this.#wakeFd = wakeFd;
    this.#memory = memory;
    this.#eventsAt = eventsAt;
    this.#view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset + eventsAt, EVENTS_BYTES);
    this.#counterAddress = memory.address + eventsAt;
    this.#add(wakeFd, WAKE);
  }

  watch(fd: number, handle: number): void {
    this.#add(fd, handle);
  }

  unwatch(fd: number): void {
    sys.epollCtl(this.#epollFd, EPOLL_CTL_DEL, fd, null);
  }

  /**
   * Waits up to `timeoutMs`, then names every port that is readable, and every port whose descriptor reports an error.
   *
   * @returns whether a descriptor of the control plane is readable
   */
  wait(timeoutMs: number, readable: (handle: number) => void, failed: (handle: number) => void): boolean {
    const address = this.#memory.address + this.#eventsAt;
    const events = sys.epollWait(this.#epollFd, address, EVENTS_MAX, timeoutMs);
    let rung = false;
    let isForControl = false;
    for (let i = 0; i < events; i++) {
      const event = i * EPOLL_EVENT.size;
      const data = this.#view.getUint32(event + EPOLL_EVENT.data, true);
      if (data === WAKE) rung = true;
      else if (data === FOR_CONTROL) isForControl = true;
      else if (this.#view.getUint32(event + EPOLL_EVENT.events, true) & (EPOLLERR | EPOLLHUP)) failed(data);
      else readable(data);
    }
    if (rung) sys.read(this.#wakeFd, this.#counterAddress, EVENTFD_BYTES);
    return isForControl;
  }

  #add(fd: number, data: number): void {
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
    event.setUint32(EPOLL_EVENT.events, EPOLLIN, true);
    event.setUint32(EPOLL_EVENT.data, data, true);
    const result = sys.epollCtl(this.#epollFd, EPOLL_CTL_ADD, fd, new Uint8Array(event.buffer));
    // Registered already by the worker that this one replaces.
    if (result !== -EEXIST) check('epoll_ctl', result);
  }
}
