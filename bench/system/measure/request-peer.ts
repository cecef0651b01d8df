/**
 * One side of TCP requests and answers of one byte each, one after the other (netperf calls it TCP_RR): blocking system calls
 * and no event loop, so that what is timed is the way there and back.
 *
 * Arguments: `serve` or `ask`, address, port, seconds. The server prints `listening`, answers one client and ends with it.
 * The client prints how many were answered in a second.
 */
import { writeSync } from 'node:fs';
import { IPPROTO_TCP, SOCKADDR_IN, TCP_NODELAY } from '../../../native-bindings/abi/in.ts';
import { AF_INET, SOCK_STREAM } from '../../../native-bindings/abi/socket.ts';
import { check, ffi, sys } from '../../../native-bindings/syscalls.ts';

const byte = Buffer.alloc(1);
const byteAddress = ffi.addressOf(byte);

function open(): number {
  const fd = check('socket', sys.socket(AF_INET, SOCK_STREAM, 0));
  const on = new Uint8Array(new Int32Array([1]).buffer);
  check('setsockopt TCP_NODELAY', sys.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on));
  return fd;
}

function serve(address: Buffer): void {
  const listener = open();
  check('bind', sys.bind(listener, address, address.length));
  check('listen', sys.listen(listener, 1));
  writeSync(1, 'listening\n');
  const fd = check('accept', sys.accept(listener));
  while (check('recv', sys.recv(fd, byteAddress, 1, 0)) === 1) check('send', sys.send(fd, byteAddress, 1, 0));
}

function ask(address: Buffer, seconds: number): void {
  const fd = open();
  check('connect', sys.connect(fd, address, address.length));
  const startMs = performance.now();
  let answered = 0;
  while (performance.now() < startMs + seconds * 1000) {
    check('send', sys.send(fd, byteAddress, 1, 0));
    if (check('recv', sys.recv(fd, byteAddress, 1, 0)) !== 1) throw new Error('the server closed the connection');
    answered++;
  }
  writeSync(1, `${(answered / (performance.now() - startMs)) * 1000}\n`);
}

const [role = '', host = '', port = '', seconds = ''] = process.argv.slice(2);
const address = Buffer.alloc(SOCKADDR_IN.size);
address.writeUInt16LE(AF_INET, SOCKADDR_IN.family);
address.writeUInt16BE(Number(port), SOCKADDR_IN.port);
address.set(host.split('.').map(Number), SOCKADDR_IN.addr);
if (role === 'serve') serve(address);
else ask(address, Number(seconds));
