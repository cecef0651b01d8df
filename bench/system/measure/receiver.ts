/**
 * The receiver of the integrity check: a UDP socket in a host, which sees frames after the host's own stack took them. Every
 * payload must be one that was sent, and numbers must rise within a flow: nothing twice, nothing out of order. Frames may
 * be missing, as the load is more than any receiver takes.
 *
 * Arguments: address and port. Prints `listening`; when stdin closes it prints Receipt as JSON and ends.
 */
import { createSocket } from 'node:dgram';
import { readNumber } from './test-frame.ts';

export interface Receipt {
  received: number;
  /** Payloads that nobody sent. */
  damaged: number;
  /** Frames whose number was not above that of the one before in their flow. */
  outOfOrder: number;
}

const BUFFER_BYTES = 8 * 1024 * 1024;
const [address = '', port = ''] = process.argv.slice(2);
const receipt: Receipt = { received: 0, damaged: 0, outOfOrder: 0 };
const lastByFlow = new Map<number, number>();

const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
socket.on('message', (payload, from) => {
  receipt.received++;
  const number = readNumber(payload);
  if (number === null) {
    receipt.damaged++;
    return;
  }
  if (number <= (lastByFlow.get(from.port) ?? -1)) receipt.outOfOrder++;
  lastByFlow.set(from.port, number);
});
socket.bind(Number(port), address, () => process.stdout.write('listening\n'));
process.stdin.resume().on('end', () => {
  socket.close();
  process.stdout.write(`${JSON.stringify(receipt)}\n`);
});
