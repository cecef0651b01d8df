/**
 * The service manager that started the daemon, told how it is by the protocol of sd_notify(3): datagrams to the socket that
 * NOTIFY_SOCKET names. systemd speaks it, and other supervisors do. Without the variable nobody is told anything.
 */
import { AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM } from '../../native-bindings/abi/socket.ts';
import { SOCKADDR_UN } from '../../native-bindings/abi/un.ts';
import { check, SyscallError, sys } from '../../native-bindings/syscalls.ts';
import type { Log } from './log.ts';
import type { DescriptorHolder } from './plumbing/descriptor-store.ts';
import { passDescriptors } from './plumbing/pass-descriptors.ts';

/** While something is wrong, the watchdog looks again so often within its period: what mends itself costs no life sign. */
const CHECKS_PER_PERIOD = 10;

/** Number of the first descriptor that a manager passes (sd_listen_fds(3)). */
const FIRST_PASSED = 3;

/** Variables that are meant for the daemon alone. */
const VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'];

export class ServiceManager implements DescriptorHolder {
  readonly #fd: number | null;
  /** What the manager kept for this life, by name. */
  readonly #passed: ReadonlyMap<string, number>;
  readonly #log: Log;
  /** Milliseconds between two life signs at most; null: none are wanted. */
  readonly #watchdogMs: number | null;
  #timer: NodeJS.Timeout | null = null;

  private constructor(fd: number | null, watchdogMs: number | null, passed: ReadonlyMap<string, number>, log: Log) {
    this.#fd = fd;
    this.#passed = passed;
    this.#watchdogMs = watchdogMs;
    this.#log = log;
  }

  /**
   * Takes what concerns the service manager out of `env`, so that programs started later do not speak in the daemon's name.
   * A socket that cannot be used is logged and no obstacle.
   */
  static fromEnvironment(env: NodeJS.ProcessEnv, log: Log): ServiceManager {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: micros, WATCHDOG_PID: pid } = env;
    const passed = passedIn(env);
    for (const name of VARIABLES) delete env[name];
    if (!socket) return new ServiceManager(null, null, passed, log);
    const isForUs = !pid || Number(pid) === process.pid;
    const watchdogMs = isForUs && /^[1-9][0-9]{0,17}$/.test(micros ?? '') ? Number(micros) / 1000 : null;
    try {
      return new ServiceManager(connectTo(socket), watchdogMs, passed, log);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn('service manager cannot be told anything', { socket, reason });
      return new ServiceManager(null, null, passed, log);
    }
  }

  /** @param status a sentence for `systemctl status` */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`);
  }

  /** What follows is a reload, until the next `ready`. */
  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    this.#send('STOPPING=1\nSTATUS=Stopping');
  }

  held(name: string): number | null {
    return this.#passed.get(name) ?? null;
  }

  /** By the descriptor store of sd_notify(3), which the unit must allow (FileDescriptorStoreMax=). */
  hold(name: string, fd: number): void {
    if (this.#fd === null) return;
    this.letGo(name);
    try {
      // It would be let go of when this process has ended, as nobody can write to it any more.
      passDescriptors(this.#fd, { text: `FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, fds: [fd] });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn('service manager was not reached', { notification: 'FDSTORE=1', reason });
    }
  }

  letGo(name: string): void {
    this.#send(`FDSTOREREMOVE=1\nFDNAME=${name}`);
  }

  /**
   * Gives a life sign at half of the time that the manager allows, for as long as the event loop turns and there are no
   * problems; until `close`.
   */
  keepAlive(problems: () => readonly string[]): void {
    if (this.#fd === null || this.#watchdogMs === null) return;
    const periodMs = this.#watchdogMs / 2;
    let isWell = true;
    const look = (): void => {
      const found = problems();
      if (found.length === 0) this.#send('WATCHDOG=1', MSG_DONTWAIT);
      else if (isWell) this.#log.warn('no life sign for the service manager', { reason: found.join('; ') });
      isWell = found.length === 0;
      this.#timer = setTimeout(look, isWell ? periodMs : periodMs / CHECKS_PER_PERIOD).unref();
    };
    look();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#fd !== null) sys.close(this.#fd);
  }

  /** What does not arrive costs no more than the manager's opinion of us. */
  #send(message: string, flags = 0): void {
    if (this.#fd === null) return;
    const sent = sys.sendBytes(this.#fd, Buffer.from(message), flags | MSG_NOSIGNAL);
    if (sent >= 0) return;
    const { message: reason } = new SyscallError('send', -sent);
    this.#log.warn('service manager was not reached', { notification: message.split('\n')[0], reason });
  }
}

/** What the manager passed to this process, by the names that it was stored by: sd_listen_fds_with_names(3). */
function passedIn({
  LISTEN_PID: pid,
  LISTEN_FDS: count,
  LISTEN_FDNAMES: names = '',
}: NodeJS.ProcessEnv): Map<string, number> {
  if (Number(pid) !== process.pid) return new Map();
  const known = names.split(':').slice(0, Number(count));
  return new Map(known.map((name, k) => [name, FIRST_PASSED + k]));
}

/** @throws RangeError where this is no name of a socket, SyscallError where nobody listens there */
function connectTo(socket: string): number {
  const name = Buffer.from(socket);
  // In an address, an abstract name begins with a zero; in the variable, with @.
  const isAbstract = socket.startsWith('@');
  if (!(isAbstract || socket.startsWith('/'))) throw new RangeError('it is neither a path nor an abstract name');
  const bytes = SOCKADDR_UN.path + name.length + (isAbstract ? 0 : 1);
  if (bytes > SOCKADDR_UN.size) throw new RangeError('it is too long for the name of a socket');
  const address = new Uint8Array(SOCKADDR_UN.size);
  new DataView(address.buffer).setUint16(SOCKADDR_UN.family, AF_UNIX, true);
  address.set(name, SOCKADDR_UN.path);
  if (isAbstract) address[SOCKADDR_UN.path] = 0;
  const fd = check('socket', sys.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const connected = sys.connect(fd, address, bytes);
  if (connected >= 0) return fd;
  sys.close(fd);
  throw new SyscallError('connect', -connected);
}
