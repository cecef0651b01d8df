/**
 * A worker: one endless pool task that turns the data path's loop. It obeys commands between turns, spins briefly after
 * work, then sleeps in the kernel until a frame or the control plane wakes it. It never waits for the main thread.
 */
import { readlinkSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { receiveMessageOnPort } from 'node:worker_threads';
import { sys } from '../../native-bindings/syscalls.ts';
import { WORKER_WAIT_MS_MAX } from '../limits.ts';
import { IoRing } from '../ports/io-ring.ts';
import type { Memory } from '../ports/memory.ts';
import { PacketPort } from '../ports/packet-port.ts';
import { PacketRing } from '../ports/packet-ring.ts';
import type { Port } from '../ports/port.ts';
import { TAP_BUFFER_BYTES, TapBuffer, TapPort } from '../ports/tap-port.ts';
import { TapRingPort } from '../ports/tap-ring-port.ts';
import { XdpPort } from '../ports/xdp-port.ts';
import { ACKNOWLEDGED, ASLEEP, Board, CALLS, EPOCH, HEARTBEAT, THREAD, TURNS } from '../shared/board.ts';
import type { Command, PortResources, WorkerReport } from '../shared/commands.ts';
import type { LogicFault, LogicReport } from '../shared/logic-load.ts';
import type { WorkerStart } from '../shared/worker-start.ts';
import { TICKS_PER_SECOND } from '../switching/fdb.ts';
import { learning } from '../switching/logics/learning.ts';
import { BusyPoll } from './busy-poll.ts';
import { DataPath } from './data-path.ts';
import { isHeapFull } from './logic-host.ts';
import { LOGIC_BATCH_MS_MAX } from './logic-runner.ts';
import { loadLogic, withOriginalPaths } from './logic-loader.ts';
import { Waiter } from './waiter.ts';

/** Turns with frames after which TAPs are asked whether they are readable: that cannot be seen in memory. */
const BUSY_TURNS_PER_POLL = 4;
/** A worker that finds frames all the time asks the kernel this often what it cannot see in memory: links, errors. */
const POLL_PAUSE_MS_MAX = 50;
const MS_PER_TICK = 1000 / TICKS_PER_SECOND;

class Worker {
  readonly #start: WorkerStart;
  readonly #board: Board;
  readonly #page: number;
  readonly #memory: Memory;
  readonly #waiter: Waiter;
  /** Id of the loaded logic that is being asked; 0: none. */
  readonly #inLogic: Int32Array;
  readonly #dataPath: DataPath;
  readonly #busyPoll = new BusyPoll();
  /** Descriptors that are waited on, by port. */
  readonly #watched = new Map<number, number[]>();
  /** process.hrtime and performance.now run on one clock; the latter allocates nothing. */
  readonly #clockOffsetMs: number;
  /** The TAPs that this worker receives from. */
  readonly #taps = new Set<number>();
  #tapBuffer: TapBuffer | null = null;
  #ioRing: IoRing | null = null;
  readonly #isOneOfMany: boolean;
  #stopped = false;

  constructor(start: WorkerStart) {
    this.#start = start;
    this.#board = new Board(start.board);
    this.#page = this.#board.page(start.worker);
    this.#isOneOfMany = this.#board.buffers.happenings.length > 1;
    this.#memory = { bytes: new Uint8Array(start.arena.sab), address: start.arena.address };
    this.#inLogic = new Int32Array(start.arena.sab, start.inLogicAt, 1);
    this.#waiter = new Waiter(start.epollFd, start.wakeFd, this.#memory, start.epollEventsAt);
    this.#dataPath = new DataPath({
      worker: start.worker,
      board: this.#board,
      memory: this.#memory,
      frames: new Uint8Array(start.arena.sab, 0, start.arena.framesBytes),
      gatherListAt: start.gatherListAt,
      gatherHeadsAt: start.gatherHeadsAt,
      fdb: start.fdb,
      logic: learning,
      loaded: {
        bufferAt: start.logicBufferAt,
        inLogic: this.#inLogic,
        batchMsMax: LOGIC_BATCH_MS_MAX,
        open: ({ module, file }) => loadLogic(module, file),
        report: (report) => this.#reportLogic(report),
      },
      clock: () => this.#clockOffsetMs + performance.now(),
    });
    this.#clockOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now() - start.clockStartMs;
  }

  run(): void {
    const { words } = this.#board;
    const page = this.#page;
    words[page + THREAD] = threadId();
    let acknowledged = Atomics.load(words, page + ACKNOWLEDGED) - 1;
    let busyTurns = 0;
    let polledMs = 0;
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
      const nowMs = performance.now();
      if (this.#dataPath.turn(this.#ticks(nowMs), this.#clockOffsetMs + nowMs) > 0) {
        words[page + TURNS] = (words[page + TURNS]! + 1) | 0;
        this.#busyPoll.noteFrames(nowMs);
        const isTurnToPoll = this.#taps.size > 0 && ++busyTurns % BUSY_TURNS_PER_POLL === 0;
        if (isTurnToPoll || nowMs - polledMs >= POLL_PAUSE_MS_MAX) {
          polledMs = nowMs;
          this.#wait(0);
        }
      } else if (this.#busyPoll.isOver(nowMs)) {
        Atomics.store(words, page + ASLEEP, 1);
        if (Atomics.load(words, EPOCH) === acknowledged) this.#wait(WORKER_WAIT_MS_MAX);
        Atomics.store(words, page + ASLEEP, 0);
      } else if (this.#taps.size > 0) {
        this.#wait(0);
      } else if (this.#isOneOfMany) {
        // Where they share a processor, one that looks for frames must not keep another from those that it has.
        sys.schedYield();
      }
    }
  }

  #wait(timeoutMs: number): void {
    if (!this.#waiter.wait(timeoutMs, this.#onReadable, this.#onFailed)) return;
    const { words } = this.#board;
    Atomics.add(words, CALLS, 1);
    Atomics.notify(words, CALLS);
  }

  readonly #onReadable = (handle: number): void => {
    this.#dataPath.port(handle)?.markReadable();
  };

  readonly #onFailed = (handle: number): void => {
    if (this.#dataPath.port(handle)?.clearError()) return;
    const fds = this.#watched.get(handle);
    if (!fds) return;
    for (const fd of fds) this.#waiter.unwatch(fd);
    this.#start.commands.postMessage({ failed: handle } satisfies WorkerReport);
  };

  #reportLogic(report: LogicReport): void {
    if ('fault' in report && report.fault.stack !== null) report.fault.stack = withOriginalPaths(report.fault.stack);
    this.#start.commands.postMessage(report satisfies WorkerReport);
    if ('fault' in report && report.fault.kind === 'memory' && isHeapFull()) this.#giveUp(report.logic, report.fault);
  }

  /** Ends this worker for what a logic did. */
  #giveUp(logic: number, { message }: LogicFault): never {
    this.#inLogic[0] = logic;
    throw new Error(message);
  }

  /** FDB ticks. */
  #ticks(nowMs: number): number {
    return Math.floor((this.#clockOffsetMs + nowMs) / MS_PER_TICK) | 0;
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
        const fds = receivingFds(command.resources);
        this.#watched.set(command.handle, fds);
        for (const fd of fds) this.#waiter.watch(fd, command.handle);
        return this.#dataPath.openPort(port, command.config);
      }
      case 'configure':
        return this.#dataPath.configurePort(command.handle, command.config);
      case 'close':
        for (const fd of this.#watched.get(command.handle) ?? []) this.#waiter.unwatch(fd);
        this.#watched.delete(command.handle);
        this.#taps.delete(command.handle);
        return this.#dataPath.closePort(command.handle);
      case 'switch':
        this.#busyPoll.limit(command.config.busyPollMicros);
        return this.#dataPath.configure(command.config);
      case 'fdb':
        return this.#dataPath.useFdb(command.table);
      case 'capture':
        return this.#dataPath.capture(command.orders);
      case 'record':
        return this.#dataPath.record(command.orders);
      case 'end-record':
        return this.#dataPath.endRecord(command.reason);
      case 'probe':
        return this.#dataPath.probe(command.handle, command.vlan);
      case 'logics':
        return this.#dataPath.useLogics(command.logics);
      case 'fault':
        if (command.fault === 'throw') throw new Error('a fault that was asked for');
        for (;;);
      case 'stop':
        this.#stopped = true;
    }
  }

  #makePort(handle: number, resources: PortResources): Port {
    if (resources.kind === 'tap') {
      if (resources.receives) this.#taps.add(handle);
      const { ioRing, tapBufferAt } = this.#start;
      if (ioRing !== null) {
        this.#ioRing ??= new IoRing(this.#memory, ioRing);
        return new TapRingPort(handle, resources.fd, this.#ioRing, tapBufferAt, resources.receives);
      }
      this.#tapBuffer ??= new TapBuffer(this.#memory, this.#start.tapBufferAt);
      return new TapPort(handle, resources.fd, this.#tapBuffer, resources.receives);
    }
    if (resources.kind === 'xdp') {
      const scratch = { at: this.#start.tapBufferAt, bytes: TAP_BUFFER_BYTES };
      return new XdpPort(handle, this.#memory, scratch, resources);
    }
    const board = this.#board;
    const rings = resources.rings.map(({ geometry }, k) => {
      return new PacketRing(this.#memory.bytes, geometry, board.cursors, board.cursor(this.#start.worker, handle, k));
    });
    const [small, large] = rings;
    if (!small) throw new Error(`port ${handle} was opened without a ring`);
    const { sendFd, sendFinishedFd } = resources;
    const fds = { rings: resources.rings.map(({ fd }) => fd), send: sendFd, sendFinished: sendFinishedFd };
    return new PacketPort(handle, fds, small, large ?? null);
  }
}

/** 0 where /proc does not tell. */
function threadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/** The descriptors by which the worker learns that frames have come. */
function receivingFds(resources: PortResources): number[] {
  if (resources.kind === 'packet') return resources.rings.map(({ fd }) => fd);
  if (resources.kind === 'xdp') return resources.queues.map(({ fd }) => fd);
  return resources.receives ? [resources.fd] : [];
}

export default function work(start: WorkerStart): void {
  // A daemon that is killed has no other time for it.
  flushCompileCache();
  new Worker(start).run();
}
