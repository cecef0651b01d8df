/**
 * The host's own resolvers, for what members' names do not answer. A question is passed on as it came, with a number and a
 * port that nobody else knows, so that no answer can be forged from afar (RFC 5452).
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, isIP, isIPv6 } from 'node:net';

const RESOLV_CONF = '/etc/resolv.conf';
const PORT = 53;
/** As resolvers do by default (resolv.conf(5)): so long each, so many of them, in turn. */
const TRY_MS = 3000;
const RESOLVERS_MAX = 3;

/** Addresses of the host's resolvers, in the order they are to be asked. */
export async function hostResolvers(): Promise<string[]> {
  const text = await readFile(RESOLV_CONF, 'utf8').catch(() => '');
  const found = Array.from(text.matchAll(/^\s*nameserver\s+(\S+)/gm), ([, address = '']) => address);
  return found.filter((address) => isIP(address) !== 0).slice(0, RESOLVERS_MAX);
}

/** The first answer that any of the resolvers gives; null: none did. */
export async function askUpstream(
  message: Buffer,
  resolvers: readonly string[],
  transport: 'udp' | 'tcp',
): Promise<Buffer | null> {
  const id = message.readUInt16BE(0);
  for (const resolver of resolvers) {
    const question = Buffer.from(message);
    const ourId = randomInt(0x1_0000);
    question.writeUInt16BE(ourId, 0);
    try {
      const answer = await (transport === 'udp' ? byUdp : byTcp)(question, resolver, ourId);
      answer.writeUInt16BE(id, 0);
      return answer;
    } catch {
      // Silent, unreachable or closed: the next one may know.
    }
  }
  return null;
}

async function byUdp(question: Buffer, resolver: string, id: number): Promise<Buffer> {
  const socket = createSocket(isIPv6(resolver) ? 'udp6' : 'udp4');
  const signal = AbortSignal.timeout(TRY_MS);
  try {
    socket.connect(PORT, resolver);
    await once(socket, 'connect', { signal });
    socket.send(question);
    for (;;) {
      const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
      if (answer.length >= 12 && answer.readUInt16BE(0) === id) return Buffer.from(answer);
    }
  } finally {
    socket.close();
  }
}

async function byTcp(question: Buffer, resolver: string, id: number): Promise<Buffer> {
  const socket = connect(PORT, resolver);
  const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), TRY_MS);
  try {
    socket.write(framed(question));
    let received = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      const [answer] = unframed(received);
      if (answer && answer.length >= 12 && answer.readUInt16BE(0) === id) return Buffer.from(answer);
    }
    throw new Error('the resolver ended the connection without an answer');
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Over TCP the length comes first (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}

/** The first message of what was received, and the rest; null: it is not whole yet. */
export function unframed(received: Buffer): [Buffer | null, Buffer] {
  if (received.length < 2) return [null, received];
  const end = 2 + received.readUInt16BE(0);
  return received.length < end ? [null, received] : [received.subarray(2, end), received.subarray(end)];
}
