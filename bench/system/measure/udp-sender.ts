/**
 * Sends UDP as fast as one core can, through the host's own stack: single datagrams, or with UDP_SEGMENT super-frames, as
 * QUIC servers do.
 *
 * Arguments: destination, port, 1 for UDP_SEGMENT or 0, seconds. Prints `sending` once the first are out.
 */
import { writeSync } from 'node:fs';
import { EAGAIN, ECONNREFUSED, ENOBUFS } from '../../../native-bindings/abi/errno.ts';
import { IPPROTO_UDP, SOCKADDR_IN, UDP_SEGMENT } from '../../../native-bindings/abi/in.ts';
import { AF_INET, IOVEC, MMSGHDR, SOCK_DGRAM } from '../../../native-bindings/abi/socket.ts';
import { check, ffi, sys, SyscallError } from '../../../native-bindings/syscalls.ts';

/** An Ethernet frame of 1,514 bytes over IPv4. */
const DATAGRAM_BYTES = 1472;
/** As many as fit the 65,507 bytes of one send. */
const DATAGRAMS = 44;

const [address = '', port = '', gso = '', seconds = ''] = process.argv.slice(2);
const fd = check('socket', sys.socket(AF_INET, SOCK_DGRAM, 0));
const to = Buffer.alloc(SOCKADDR_IN.size);
to.writeUInt16LE(AF_INET, SOCKADDR_IN.family);
to.writeUInt16BE(Number(port), SOCKADDR_IN.port);
to.set(address.split('.').map(Number), SOCKADDR_IN.addr);
check('connect', sys.connect(fd, to, to.length));

const payload = Buffer.alloc(DATAGRAM_BYTES * DATAGRAMS, 'tswitch');
const payloadAddress = ffi.addressOf(payload);
const vectors = Buffer.alloc(DATAGRAMS * IOVEC.size);
const messages = Buffer.alloc(DATAGRAMS * MMSGHDR.size);
const vectorsAddress = ffi.addressOf(vectors);
for (let i = 0; i < DATAGRAMS; i++) {
  vectors.writeBigUInt64LE(BigInt(payloadAddress + i * DATAGRAM_BYTES), i * IOVEC.size + IOVEC.base);
  vectors.writeBigUInt64LE(BigInt(DATAGRAM_BYTES), i * IOVEC.size + IOVEC.len);
  messages.writeBigUInt64LE(BigInt(vectorsAddress + i * IOVEC.size), i * MMSGHDR.size + MMSGHDR.iov);
  messages.writeBigUInt64LE(1n, i * MMSGHDR.size + MMSGHDR.iovlen);
}
const messagesAddress = ffi.addressOf(messages);

const isWhole = gso === '1';
if (isWhole) {
  const segment = new Uint8Array(new Int32Array([DATAGRAM_BYTES]).buffer);
  check('setsockopt UDP_SEGMENT', sys.setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, segment));
}
const send = isWhole
  ? () => sys.send(fd, payloadAddress, payload.length, 0)
  : () => sys.sendmmsg(fd, messagesAddress, DATAGRAMS, 0);

const endMs = performance.now() + Number(seconds) * 1000;
for (let isFirst = true; performance.now() < endMs; isFirst = false) {
  const result = send();
  if (result < 0 && result !== -EAGAIN && result !== -ENOBUFS && result !== -ECONNREFUSED) {
    throw new SyscallError('send', -result);
  }
  if (isFirst) writeSync(1, 'sending\n');
}
