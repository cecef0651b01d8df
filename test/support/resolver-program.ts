/**
 * A resolver that a test runs on the loopback address of its own namespace: every A question gets the same address, every TXT
 * question a text that no datagram holds, so that it has to be asked by TCP. Says `ready`, and notes the names on stdout.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import * as dns from 'dns-packet';

const [address = '127.0.0.1', answer = '192.0.2.7'] = process.argv.slice(2);

function reply(message: Buffer, transport: 'udp' | 'tcp'): Buffer {
  const { id = 0, questions = [] } = dns.decode(message);
  const [question] = questions;
  if (!question) throw new Error('a message without a question');
  console.log(`${transport} ${question.type} ${question.name}`);
  const base = { type: 'response' as const, id, questions: [question] };
  if (question.type === 'TXT') {
    if (transport === 'udp') return dns.encode({ ...base, flags: dns.TRUNCATED_RESPONSE });
    const data = Array.from({ length: 20 }, () => 'x'.repeat(200));
    return dns.encode({ ...base, answers: [{ type: 'TXT', name: question.name, ttl: 1, data }] });
  }
  return dns.encode({ ...base, answers: [{ type: 'A', name: question.name, ttl: 1, data: answer }] });
}

const udp = createSocket('udp4');
udp.on('message', (message, from) => udp.send(reply(message, 'udp'), from.port, from.address));
const tcp = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    const message = reply(data.subarray(2), 'tcp');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length, 0);
    socket.end(Buffer.concat([length, message]));
  });
});
udp.bind(53, address, () => tcp.listen(53, address, () => console.log('ready')));
