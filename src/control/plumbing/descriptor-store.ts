/**
 * Descriptors that outlive the daemon, for its next life. They lie in flight in the queue of a Unix socket (SCM_RIGHTS), and that socket is
 * held open by somebody else too: a process of its own, which does nothing and ends a while after the daemon does. So nothing is
 * closed when the daemon is killed, and the next life fetches the socket from that process (pidfd_getfd(2), Linux 5.6) and empties it.
 *
 * Where any of that cannot be had, nothing is kept: the next life makes everything anew, as it would without.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { z } from 'zod';
import {
  AF_UNIX,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_SEQPACKET,
  SOL_SOCKET,
} from '../../../native-bindings/abi/socket.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { faultFields, type Log } from '../log.ts';
import { passDescriptors, takeDescriptors } from './pass-descriptors.ts';
import { setInt } from '../../ports/packet-socket.ts';
import { isSameProcess, processMark, type ProcessMark } from './process-mark.ts';

/** How long the keeper outlives the daemon, in seconds: a service manager has started it again by then, or nobody will. */
const KEPT_SECONDS = 30;
/** xargs waits for the end of its stdin, which is the daemon's end, and then runs the rest of it: not a shell, and no code of ours. */
const KEEPER = ['xargs', 'sleep', String(KEPT_SECONDS)] as const;
const KEEPER_SOCKET = 3;
const HELD_NAME = 'tswitch';
/** For the messages of 256 ports. */
const QUEUE_BYTES = 8 * 1024 * 1024;
const FILE_MODE = 0o600;

const recordSchema = z.object({ pid: z.number(), start: z.number(), pidns: z.number() });
const textSchema = z.object({ name: z.string(), about: z.unknown() });

/** Somebody else who can hold a descriptor until the daemon's next life: the service manager that starts it. */
export interface DescriptorHolder {
  /** What it held until this life; null: nothing. */
  held(name: string): number | null;
  /** Has it hold a copy, in place of what it holds by that name. */
  hold(name: string, fd: number): void;
  letGo(name: string): void;
}

export interface Stored {
  /** What was said of them. */
  about: unknown;
  fds: number[];
}

export class DescriptorStore {
  readonly #path: string;
  readonly #holder: DescriptorHolder | null;
  readonly #log: Log;
  /** Both ends: what one sends waits at the other, which the keeper has too. */
  #pair: { send: number; wait: number } | null = null;
  #keeper: ChildProcess | null = null;
  #isBroken = false;
  readonly #left = new Map<string, Stored>();
  readonly #stored = new Map<string, Stored>();

  /**
   * Takes over what an earlier life stored.
   * @param path of the file that says which process keeps it
   * @param holder who may keep it too: such a process may end with the service that it belongs to
   */
  constructor(path: string, holder: DescriptorHolder | null, log: Log) {
    this.#path = path;
    this.#holder = holder;
    this.#log = log;
    try {
      this.#takeOver();
    } catch (error) {
      log.warn('what a killed daemon had open cannot be taken over: it is opened anew', faultFields(error));
    }
  }

  /** What an earlier life stored by that name, once; the descriptors are the caller's. */
  take(name: string): Stored | null {
    const left = this.#left.get(name) ?? null;
    this.#left.delete(name);
    return left;
  }

  /** All that is left of what an earlier life stored. */
  takeRest(): Stored[] {
    const rest = [...this.#left.values()];
    this.#left.clear();
    return rest;
  }

  /** From now on these outlive the daemon. They may be closed after `drop` only, or their ends would be the kernel's to find. */
  put(name: string, stored: Stored): void {
    if (this.#isBroken || this.#stored.has(name)) return;
    try {
      this.#pair ??= this.#begin();
      passDescriptors(this.#pair.send, messageOf(name, stored));
      this.#stored.set(name, stored);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** They are not kept any more. */
  drop(name: string): void {
    if (!this.#stored.delete(name) || !this.#pair) return;
    try {
      // What waits in a queue cannot be taken out of its middle.
      empty(this.#pair.wait);
      for (const [other, stored] of this.#stored) passDescriptors(this.#pair.send, messageOf(other, stored));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** The daemon ends in order: nothing is kept. */
  close(): void {
    this.#isBroken = true;
    this.#stored.clear();
    if (this.#pair) {
      empty(this.#pair.wait);
      sys.close(this.#pair.send);
      sys.close(this.#pair.wait);
      this.#pair = null;
    }
    this.#keeper?.kill();
    this.#keeper = null;
    this.#holder?.letGo(HELD_NAME);
    rmSync(this.#path, { force: true });
  }

  #giveUp(error: unknown): void {
    this.#log.warn(
      'what is open cannot be kept for the next start, which will take longer should this daemon be killed',
      faultFields(error),
    );
    this.close();
  }

  #begin(): { send: number; wait: number } {
    const fds = new Int32Array(2);
    check('socketpair', sys.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
    const [send = -1, wait = -1] = fds;
    try {
      setInt(send, SOL_SOCKET, SO_SNDBUFFORCE, QUEUE_BYTES);
      const [program, ...args] = KEEPER;
      const keeper = spawn(program, args, {
        stdio: ['pipe', 'ignore', 'ignore', wait],
        cwd: '/',
        env: { PATH: process.env['PATH'] },
        // What a terminal tells the daemon is not meant for it.
        detached: true,
      });
      keeper.on('error', (error) => this.#giveUp(error));
      keeper.unref();
      if (keeper.stdin instanceof Socket) keeper.stdin.on('error', () => {}).unref();
      this.#keeper = keeper;
      if (keeper.pid !== undefined) this.#note(keeper.pid);
      this.#holder?.hold(HELD_NAME, wait);
      return { send, wait };
    } catch (error) {
      sys.close(send);
      sys.close(wait);
      throw error;
    }
  }

  #note(pid: number): void {
    writeFileSync(`${this.#path}.new`, JSON.stringify(processMark(pid)), { mode: FILE_MODE });
    renameSync(`${this.#path}.new`, this.#path);
  }

  #takeOver(): void {
    const held = this.#holder?.held(HELD_NAME) ?? null;
    if (held !== null) this.#takeFrom(held);
    const keeper = this.#read();
    rmSync(this.#path, { force: true });
    if (!keeper || !isSameProcess(keeper, processMark(keeper.pid))) return;
    try {
      this.#takeFrom(descriptorOf(keeper.pid, KEEPER_SOCKET));
    } finally {
      // What it has and nobody can fetch is in the way: workers would share frames with sockets that nobody reads.
      endGroup(keeper.pid);
    }
  }

  #takeFrom(waiting: number): void {
    try {
      for (let passed = takeDescriptors(waiting); passed; passed = takeDescriptors(waiting)) {
        const { name, about } = textSchema.parse(JSON.parse(passed.text));
        this.#left.set(name, { about, fds: passed.fds });
      }
    } finally {
      sys.close(waiting);
    }
  }

  #read(): ProcessMark | null {
    try {
      return recordSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  }
}

/** A copy of a descriptor of another process. Throws SyscallError. */
function descriptorOf(pid: number, fd: number): number {
  const pidfd = check('pidfd_open', sys.pidfdOpen(pid));
  try {
    return check('pidfd_getfd', sys.pidfdGetfd(pidfd, fd));
  } finally {
    sys.close(pidfd);
  }
}

function messageOf(name: string, { about, fds }: Stored): { text: string; fds: number[] } {
  return { text: JSON.stringify({ name, about }), fds };
}

/** Takes all there is in the queue, and lets go of it. */
function empty(socket: number): void {
  for (let passed = takeDescriptors(socket); passed; passed = takeDescriptors(socket)) {
    for (const fd of passed.fds) sys.close(fd);
  }
}

/** The keeper leads a group of processes: itself, and what it waits for. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}
