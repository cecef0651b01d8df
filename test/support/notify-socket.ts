/** The socket of a service manager: gives what a daemon says to it. */
import { AF_UNIX, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM } from '../../native-bindings/abi/socket.ts';
import { SOCKADDR_UN } from '../../native-bindings/abi/un.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';

export class NotifySocket {
  /** As NOTIFY_SOCKET names it. */
  readonly name: string;
  readonly #fd: number;
  readonly #datagrams: string[] = [];

  /** @param name a path, or an abstract name with @ in front */
  constructor(name: string) {
    this.name = name;
    const address = new Uint8Array(SOCKADDR_UN.size);
    address[SOCKADDR_UN.family] = AF_UNIX;
    address.set(Buffer.from(name), SOCKADDR_UN.path);
    const isAbstract = name.startsWith('@');
    if (isAbstract) address[SOCKADDR_UN.path] = 0;
    this.#fd = check('socket', sys.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    check('bind', sys.bind(this.#fd, address, SOCKADDR_UN.path + Buffer.byteLength(name) + (isAbstract ? 0 : 1)));
  }

  /** Every datagram so far. */
  datagrams(): readonly string[] {
    const buffer = new Uint8Array(4096);
    for (;;) {
      const bytes = sys.recvBytes(this.#fd, buffer, MSG_DONTWAIT);
      if (bytes < 0) return this.#datagrams;
      this.#datagrams.push(Buffer.from(buffer.subarray(0, bytes)).toString());
    }
  }

  /** The first line of each datagram without life signs, in order. */
  states(): string[] {
    return this.datagrams()
      .map((datagram) => datagram.split('\n')[0] ?? '')
      .filter((line) => line !== 'WATCHDOG=1');
  }

  lifeSigns(): number {
    return this.datagrams().filter((datagram) => datagram === 'WATCHDOG=1').length;
  }

  close(): void {
    sys.close(this.#fd);
  }
}
