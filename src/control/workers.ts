/**
 * The workers as the control plane sees them: starts each as an endless pool task, sends commands and waits until all have
 * acknowledged them, watches their heartbeats, and replaces one that ended or hangs. Every descriptor and mapping belongs to
 * this side, so a replacement takes over the same ones.
 */
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { EFD_CLOEXEC, EFD_NONBLOCK } from '../../native-bindings/abi/eventfd.ts';
import { EPOLL_CLOEXEC } from '../../native-bindings/abi/epoll.ts';
import { Arena, type Region } from '../../native-bindings/arena.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import { LOGIC_BUFFER_BYTES } from '../limits.ts';
import { GATHER_HEADS_BYTES, GATHER_LISTS_BYTES } from '../ports/gather-list.ts';
import { IoRingSocket } from '../ports/open-io-ring.ts';
import { TAP_BUFFER_BYTES } from '../ports/tap-port.ts';
import { TAP_RING_BUFFER_BYTES } from '../ports/tap-ring-port.ts';
import { programFile } from '../program-file.ts';
import { ACKNOWLEDGED, ASLEEP, type Board, EPOCH, TURNS } from '../shared/board.ts';
import type { Command, Fault, WorkerReport } from '../shared/commands.ts';
import type { LogicReport } from '../shared/logic-load.ts';
import type { WorkerStart } from '../shared/worker-start.ts';
import { TswitchError } from './errors.ts';
import { heapMibMax } from './heap-limit.ts';
import { Heartbeats } from './heartbeats.ts';
import { MARK_BYTES } from './logic/run-record.ts';
import type { TapIo, WorkerView } from './model.ts';
import { Readiness } from './readiness.ts';

/** Address space of one worker's rings and buffers; only what is mapped in costs memory. */
const ARENA_BYTES = 2 ** 31 - 2 ** 16;
/** epoll_event is 12 or 16 bytes, and a page is the smallest mapping. */
const EPOLL_EVENTS_BYTES = 4096;
const COMMAND_TIMEOUT_MS = 10_000;
/** A thread that is busy with its memory, or waits in the kernel, cannot be ended by anybody. */
const END_TIMEOUT_MS = 3000;
/** A worker that ends sooner than this after its start has failed quickly. */
const QUICK_FAILURE_MS = 1000;
/** So many quick failures in a row are made good at once; before each further restart there is a pause. */
const QUICK_RESTARTS = 3;
const RESTART_PAUSE_MS = 1000;

const WORKER_FILE = programFile(import.meta.url, '../datapath/worker');
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

interface Seat {
  readonly worker: number;
  readonly arena: Arena;
  readonly epollFd: number;
  readonly wakeFd: number;
  readonly gatherListAt: number;
  readonly gatherHeadsAt: number;
  readonly tapBufferAt: number;
  readonly logicBufferAt: number;
  /** Its first word says which loaded logic the worker is in. */
  readonly inLogic: Region;
  readonly ioRing: IoRingSocket | null;
  readonly epollEventsAt: number;
  commands: MessagePort;
  abort: AbortController;
  restarts: number;
  /** When it was started last, in ms of the monotonic clock. */
  startedMs: number;
  /** Quick failures in a row. */
  quickFailures: number;
  /** It has ended, and its replacement is not started yet. */
  isVacant: boolean;
}

export interface WorkersOptions {
  count: number;
  board: Board;
  tapIo: TapIo;
  clockStartMs: number;
  /** The FDB of the moment: a replaced worker starts with it. */
  fdb: () => SharedArrayBuffer;
  /** Commands that bring a new worker to the state of the others. */
  snapshot: (worker: number) => Command[];
  /**
   * A worker ended by itself, with the error, or hung (null), perhaps inside a loaded logic (its id; 0: in none). Called before
   * its replacement starts.
   */
  onRestart: (worker: number, error: unknown, logic: number) => void;
  /** A worker has something to tell of a loaded logic. */
  onLogic?: (report: LogicReport) => void;
  /** A worker found a port's netdev gone, or seemingly so. */
  onPortFailed: (handle: number) => void;
  /** A descriptor that was given to `watch` became readable, or may have; several calls may come as one. */
  onReadable: () => void;
}

export class Workers {
  readonly #options: WorkersOptions;
  readonly #pool: Piscina;
  readonly #seats: Seat[] = [];
  readonly #readiness: Readiness;
  readonly #heartbeats: Heartbeats;
  #stopping = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: WORKER_FILE,
      minThreads: options.count,
      maxThreads: options.count,
      idleTimeout: Infinity,
      atomics: 'disabled',
      resourceLimits: { maxOldGenerationSizeMb: heapMibMax() },
    });
    // Of one that was given up already as it hung, such as that its memory is full: nobody waits for it any more.
    this.#pool.on('error', () => {});
    this.#heartbeats = new Heartbeats(options.board, options.count, (worker) => this.#seats[worker]!.abort.abort());
    for (let worker = 0; worker < options.count; worker++) this.#seats.push(this.#makeSeat(worker));
    this.#readiness = new Readiness(this.#seats[0]!.epollFd, options.board, options.onReadable);
  }

  get count(): number {
    return this.#seats.length;
  }

  get tapIo(): TapIo {
    return this.#options.tapIo;
  }

  arena(worker: number): Arena {
    return this.#seats[worker]!.arena;
  }

  /** Workers mark the loaded logic that they are in in this file (logic/run-record.ts). To be called while there is none. */
  markIn(fd: number): void {
    for (const { worker, arena, inLogic } of this.#seats) arena.remap(inLogic, fd, worker * MARK_BYTES);
  }

  /** Of all workers, in their order. */
  arenas(): Arena[] {
    return this.#seats.map(({ arena }) => arena);
  }

  /** Has `onReadable` called when the descriptor becomes readable or has an error, until it is closed. */
  watch(fd: number): void {
    this.#readiness.watch(fd);
  }

  /** Sends each worker its commands and waits until all have carried them out. */
  command(commandsFor: (worker: number) => Command[]): Promise<void> {
    return this.#command(this.#seats, commandsFor);
  }

  /** For tests: makes a worker throw or hang between two batches. Resolves once its replacement works. */
  fault(worker: number, fault: Fault): Promise<void> {
    return this.#command([this.#seats[worker]!], () => [{ do: 'fault', fault }]);
  }

  views(): WorkerView[] {
    const { words } = this.#options.board;
    return this.#seats.map((seat) => {
      const page = this.#options.board.page(seat.worker);
      const isAsleep = Atomics.load(words, page + ASLEEP) === 1;
      return {
        worker: seat.worker,
        state: this.#heartbeats.isHung(seat.worker) ? 'hung' : isAsleep ? 'asleep' : 'running',
        restarts: seat.restarts,
        turns: words[page + TURNS]! >>> 0,
      };
    });
  }

  /** A sentence for each worker that forwards nothing now. */
  problems(): string[] {
    return this.#seats.flatMap(({ worker, isVacant, quickFailures }) => {
      if (this.#heartbeats.isHung(worker)) return [`worker ${worker} hangs and is being replaced`];
      return isVacant ? [`worker ${worker} has failed ${quickFailures} times in a row; see the log`] : [];
    });
  }

  /** Ends all workers, or gives up those that cannot be ended; what they used may be closed afterwards. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#heartbeats.close();
    await this.#readiness.close();
    const working = this.#seats.filter(({ isVacant }) => !isVacant);
    await this.#command(working, () => [{ do: 'stop' }]).catch(() => {});
    await Promise.race([this.#pool.destroy(), setTimeoutPromise(END_TIMEOUT_MS, undefined, { ref: false })]);
    for (const seat of this.#seats) {
      seat.commands.close();
      sys.close(seat.epollFd);
      seat.ioRing?.close();
      seat.arena.close();
      sys.close(seat.wakeFd);
    }
  }

  async #command(seats: readonly Seat[], commandsFor: (worker: number) => Command[]): Promise<void> {
    for (const seat of seats) for (const command of commandsFor(seat.worker)) seat.commands.postMessage(command);
    const epoch = (Atomics.add(this.#options.board.words, EPOCH, 1) + 1) | 0;
    for (const seat of seats) this.#wake(seat);
    await Promise.all(seats.map((seat) => this.#acknowledged(seat, epoch)));
  }

  #makeSeat(worker: number): Seat {
    const arena = Arena.create(ARENA_BYTES);
    const epollFd = check('epoll_create1', sys.epollCreate(EPOLL_CLOEXEC));
    const wakeFd = check('eventfd', sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const ioRing = this.#options.tapIo === 'io_uring' ? IoRingSocket.open(arena) : null;
    const seat = {
      worker,
      arena,
      epollFd,
      wakeFd,
      gatherListAt: arena.allocate(GATHER_LISTS_BYTES, 'control').offset,
      gatherHeadsAt: arena.allocate(GATHER_HEADS_BYTES).offset,
      tapBufferAt: arena.allocate(ioRing === null ? TAP_BUFFER_BYTES : TAP_RING_BUFFER_BYTES).offset,
      logicBufferAt: arena.allocate(LOGIC_BUFFER_BYTES).offset,
      inLogic: arena.allocate(MARK_BYTES, 'control'),
      ioRing,
      epollEventsAt: arena.allocate(EPOLL_EVENTS_BYTES, 'control').offset,
      restarts: 0,
      startedMs: performance.now(),
      quickFailures: 0,
      isVacant: false,
    };
    return Object.assign(seat, this.#startTask(seat, []));
  }

  /** Starts the endless task; its commands begin with the snapshot. */
  #startTask(seat: Omit<Seat, 'commands' | 'abort'>, snapshot: Command[]): Pick<Seat, 'commands' | 'abort'> {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (report: WorkerReport) => {
      if ('failed' in report) this.#options.onPortFailed(report.failed);
      else this.#options.onLogic?.(report);
    });
    port1.unref();
    for (const command of snapshot) port1.postMessage(command);
    const { board } = this.#options;
    markOf(seat)[0] = 0;
    const abort = new AbortController();
    const start: WorkerStart = {
      worker: seat.worker,
      board: board.buffers,
      fdb: this.#options.fdb(),
      arena: { sab: seat.arena.sab, address: seat.arena.address, framesBytes: seat.arena.frames.length },
      gatherListAt: seat.gatherListAt,
      gatherHeadsAt: seat.gatherHeadsAt,
      tapBufferAt: seat.tapBufferAt,
      logicBufferAt: seat.logicBufferAt,
      inLogicAt: seat.inLogic.offset,
      ioRing: seat.ioRing?.place ?? null,
      epollEventsAt: seat.epollEventsAt,
      epollFd: seat.epollFd,
      wakeFd: seat.wakeFd,
      commands: port2,
      clockStartMs: this.#options.clockStartMs,
    };
    // Piscina's code wants an array here; its types, the options of structuredClone.
    const transferList = Object.assign([port2], { transfer: [port2] });
    void this.#pool.run(start, { signal: abort.signal, transferList }).then(
      () => this.#onEnd(seat.worker, null),
      (error: unknown) => this.#onEnd(seat.worker, error),
    );
    return { commands: port1, abort };
  }

  #onEnd(worker: number, error: unknown): void {
    if (this.#stopping) return;
    const seat = this.#seats[worker]!;
    const logic = markOf(seat)[0]!;
    this.#options.onRestart(worker, seat.abort.signal.aborted ? null : error, logic);
    seat.commands.close();
    this.#heartbeats.ended(worker);
    seat.isVacant = true;
    seat.restarts++;
    const isQuick = performance.now() - seat.startedMs < QUICK_FAILURE_MS;
    seat.quickFailures = isQuick ? seat.quickFailures + 1 : 0;
    if (seat.quickFailures <= QUICK_RESTARTS) this.#restart(seat);
    else setTimeout(() => this.#restart(seat), RESTART_PAUSE_MS);
  }

  #restart(seat: Seat): void {
    if (this.#stopping) return;
    seat.startedMs = performance.now();
    seat.isVacant = false;
    Object.assign(seat, this.#startTask(seat, this.#options.snapshot(seat.worker)));
    // Its predecessor may have ended between being told and calling.
    this.#options.onReadable();
  }

  #wake(seat: Seat): void {
    const { board } = this.#options;
    if (Atomics.load(board.words, board.page(seat.worker) + ASLEEP) === 1) sys.writeBytes(seat.wakeFd, ONE);
  }

  async #acknowledged(seat: Seat, epoch: number): Promise<void> {
    const { words } = this.#options.board;
    const at = this.#options.board.page(seat.worker) + ACKNOWLEDGED;
    const deadline = performance.now() + COMMAND_TIMEOUT_MS;
    for (;;) {
      const seen = Atomics.load(words, at);
      if (((seen - epoch) | 0) >= 0) return;
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new TswitchError(
          'INTERNAL',
          `worker ${seat.worker} did not answer within ${COMMAND_TIMEOUT_MS / 1000} s`,
        );
      }
      const wait = Atomics.waitAsync(words, at, seen, left);
      if (wait.async) await wait.value;
    }
  }
}

/** The id of the loaded logic that the seat's worker is in, or was when it ended. */
function markOf({ arena, inLogic }: Pick<Seat, 'arena' | 'inLogic'>): Int32Array {
  return new Int32Array(arena.sab, inLogic.offset, 1);
}
