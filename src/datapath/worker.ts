/**
 * A worker: one endless pool task that turns the data path's loop. It obeys commands between turns, spins briefly after
 * work, then sleeps in the kernel until a frame or the control plane wakes it. It never waits for the main thread.
 */
import { receiveMessageOnPort } from 'node:worker_threads';
import { WORKER_WAIT_MS_MAX } from '../limits.ts';
import type { Memory } from '../ports/memory.ts';
import { PacketPort } from '../ports/packet-port.ts';
import { PacketRing } from '../ports/packet-ring.ts';
import type { Port } from '../ports/port.ts';
import { TapPort } from '../ports/tap-port.ts';
import { ACKNOWLEDGED, ASLEEP, Board, EPOCH, HEARTBEAT, RUNNING, TURNS } from '../shared/board.ts';
import type { Command, PortResources } from '../shared/commands.ts';
import type { WorkerStart } from '../shared/worker-start.ts';
import { TICKS_PER_SECOND } from '../switching/fdb.ts';
import { learning } from '../switching/logics/learning.ts';
import { DataPath } from './data-path.ts';
import { Waiter } from './waiter.ts';

/** Empty turns before sleeping: long enough to meet the next frame of a burst, short enough to cost an idle switch nothing. */
const SPIN_TURNS = 100;
/** Turns with frames after which the descriptors are asked again: ports that cannot be seen in memory wait for that. */
const BUSY_TURNS_PER_POLL = 4;
const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

class Worker {
  readonly #start: WorkerStart;
  readonly #board: Board;
  readonly #page: number;
  readonly #memory: Memory;
  readonly #waiter: Waiter;
  readonly #dataPath: DataPath;
  /** Descriptors that are waited on, by port. */
  readonly #watched = new Map<number, number[]>();
  /** process.hrtime and performance.now run on one clock; the latter allocates nothing. */
  readonly #clockOffsetMs: number;
  #stopped = false;

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#board = new Board(start.board);
    this.#page = this.#board.page(start.worker);
    this.#memory = { bytes: new Uint8Array(start.arena.sab), address: start.arena.address };
    this.#waiter = new Waiter(start.epollFd, start.wakeFd, this.#memory, start.epollEventsAt);
    this.#dataPath = new DataPath({
      worker: start.worker,
      board: this.#board,
      memory: this.#memory,
      gatherListAt: start.gatherListAt,
      fdb: start.fdb,
      logic: learning,
    });
    this.#clockOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now() - start.clockStartMs;
  }

  run(): void {
    const { words } = this.#board;
    const page = this.#page;
    const markReadable = (handle: number): void => this.#dataPath.port(handle)?.markReadable();
    Atomics.store(words, page + RUNNING, 1);
    let acknowledged = Atomics.load(words, page + ACKNOWLEDGED) - 1;
    let emptyTurns = 0;
    let busyTurns = 0;
    for (;;) {
      words[page + HEARTBEAT] = (words[page + HEARTBEAT]! + 1) | 0;
      const epoch = Atomics.load(words, EPOCH);
      if (epoch !== acknowledged) {
        this.#obey();
        acknowledged = epoch;
        Atomics.store(words, page + ACKNOWLEDGED, epoch);
        Atomics.notify(words, page + ACKNOWLEDGED);
        if (this.#stopped) return;
      }
      if (this.#dataPath.turn(this.#now()) > 0) {
        words[page + TURNS] = (words[page + TURNS]! + 1) | 0;
        emptyTurns = 0;
        if (++busyTurns % BUSY_TURNS_PER_POLL === 0) this.#waiter.wait(0, markReadable);
      } else if (++emptyTurns > SPIN_TURNS) {
        Atomics.store(words, page + ASLEEP, 1);
        if (Atomics.load(words, EPOCH) === acknowledged) this.#waiter.wait(WORKER_WAIT_MS_MAX, markReadable);
        Atomics.store(words, page + ASLEEP, 0);
        emptyTurns = SPIN_TURNS;
      }
    }
  }

  /** FDB ticks. */
  #now(): number {
    return Math.floor((this.#clockOffsetMs + performance.now()) / MS_PER_TICK) | 0;
  }

  /** Carries out all commands there are. */
  #obey(): void {
    for (;;) {
      const received: { message: Command } | undefined = receiveMessageOnPort(this.#start.commands);
      if (!received) return;
      this.#carryOut(received.message);
    }
  }

  #carryOut(command: Command): void {
    switch (command.do) {
      case 'open': {
        const port = this.#makePort(command.handle, command.resources);
        const fds =
          command.resources.kind === 'tap' ? [command.resources.fd] : command.resources.rings.map((r) => r.fd);
        this.#watched.set(command.handle, fds);
        for (const fd of fds) this.#waiter.watch(fd, command.handle);
        return this.#dataPath.openPort(port, command.config);
      }
      case 'configure':
        return this.#dataPath.configurePort(command.handle, command.config);
      case 'close':
        for (const fd of this.#watched.get(command.handle) ?? []) this.#waiter.unwatch(fd);
        this.#watched.delete(command.handle);
        return this.#dataPath.closePort(command.handle);
      case 'switch':
        return this.#dataPath.configure(command.config);
      case 'fdb':
        return this.#dataPath.useFdb(command.table);
      case 'stop':
        this.#stopped = true;
    }
  }

  #makePort(handle: number, resources: PortResources): Port {
    if (resources.kind === 'tap') return new TapPort(handle, resources.fd, this.#memory, this.#start.tapBufferAt);
    const { cursors } = this.#board;
    const cursor = this.#board.cursor(this.#start.worker, handle);
    const rings = resources.rings.map(
      ({ geometry }, k) => new PacketRing(this.#memory.bytes, geometry, cursors, cursor + k),
    );
    const [small, large] = rings;
    if (!small) throw new Error(`port ${handle} was opened without a ring`);
    return new PacketPort(handle, resources.rings[0]!.fd, small, large ?? null);
  }
}

export default function work(start: WorkerStart): void {
  new Worker(start).run();
}
