/**
 * A process inside a test's namespace, with ordinary TCP and UDP sockets. It obeys requests that come over the IPC channel
 * (see lab.ts), one answer each, and ends with the channel.
 */
import { createHash } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { payload, payloadBytes } from './payload.ts';

/** Each side of a connection sends `bytes` of the payload of its seed, and says what it received. */
export interface Transfer {
  bytes: number;
  seed: string;
}
export interface Received {
  bytes: number;
  /** SHA-256, in hex. */
  digest: string;
}

/** What an agent can be asked, and its answers. */
export interface AgentCalls {
  /** Listens for one connection; the transfer's outcome is had by `tcpOutcome`. Answers the port. */
  tcpListen(request: Transfer & { address: string; port?: number }): Promise<number>;
  tcpOutcome(port: number): Promise<Received>;
  /** Connects, and answers when both directions are done. */
  tcpConnect(request: Transfer & { address: string; port: number }): Promise<Received>;
  /** Answers the port; sends every datagram back from then on. */
  udpEcho(address: string | { address: string; port: number }): Promise<number>;
  /** Sends datagrams of these lengths, some at a time, and answers how many came back as they were. */
  udpExchange(request: { address: string; port: number; lengths: number[] }): Promise<number>;
  /** Listens for datagrams. Answers the port. */
  udpListen(request: { address: string; port?: number }): Promise<number>;
  /** The datagrams received on the port so far, once there are `count`, in order of arrival: SHA-256, in hex. */
  udpReceived(request: { port: number; count: number }): Promise<string[]>;
  /** Sends one datagram to a broadcast, multicast or plain address. */
  udpSend(request: { address: string; port: number; text: string }): Promise<void>;
  /** What a name server answers: the records, or the error's code, such as ENOTFOUND. */
  resolve(request: { server: string; name: string; type: 'A' | 'AAAA' | 'PTR' | 'TXT' }): Promise<string[] | string>;
}

export type AgentRequest = { id: number; call: keyof AgentCalls; argument: never };
export type AgentAnswer = { id: number; value?: unknown; error?: string };

/** Datagrams under way at a time: fewer than any queue between the two ends holds. */
const WINDOW = 16;
const EXCHANGE_TIMEOUT_MS = 40_000;

const outcomes = new Map<number, Promise<Received>>();
const datagrams = new Map<number, string[]>();

/** Both directions at once, until both have ended. */
async function transfer(socket: Socket, { seed, bytes }: Transfer): Promise<Received> {
  const hash = createHash('sha256');
  let received = 0;
  socket.on('data', (chunk) => {
    hash.update(chunk);
    received += chunk.length;
  });
  await Promise.all([once(socket, 'end'), pipeline(Readable.from(payload(seed, bytes)), socket)]);
  return { bytes: received, digest: hash.digest('hex') };
}

async function bound(address: string, port: number): Promise<{ socket: UdpSocket; port: number }> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

const calls: AgentCalls = {
  async tcpListen({ address, port: fixed = 0, ...wanted }) {
    const server = createServer({ allowHalfOpen: true });
    server.listen(fixed, address);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const outcome = once(server, 'connection').then(([socket]: Socket[]) => transfer(socket!, wanted));
    outcome.catch(() => {}).finally(() => server.close());
    outcomes.set(port, outcome);
    return port;
  },

  tcpOutcome(port) {
    return outcomes.get(port) ?? Promise.reject(new Error(`nothing listens on port ${port}`));
  },

  async tcpConnect({ address, port, ...wanted }) {
    const socket = connect({ host: address, port, allowHalfOpen: true });
    await once(socket, 'connect');
    return transfer(socket, wanted);
  },

  async udpEcho(wanted) {
    const at = typeof wanted === 'string' ? { address: wanted, port: 0 } : wanted;
    const { socket, port } = await bound(at.address, at.port);
    socket.on('message', (message, from) => socket.send(message, from.port, from.address));
    return port;
  },

  async udpExchange({ address, port, lengths }) {
    const { socket } = await bound(address.includes(':') ? '::' : '0.0.0.0', 0);
    const expected = new Set<string>();
    let good = 0;
    let windowDone = (): void => {};
    socket.on('message', (message) => {
      if (expected.delete(message.toString('latin1'))) good++;
      if (expected.size === 0) windowDone();
    });
    const deadline = setTimeout(() => windowDone(), EXCHANGE_TIMEOUT_MS);
    for (let first = 0; first < lengths.length; first += WINDOW) {
      const done = new Promise<void>((resolve) => (windowDone = resolve));
      const messages = lengths.slice(first, first + WINDOW).map((length, k) => payloadBytes(`${first + k}`, length));
      for (const message of messages) expected.add(message.toString('latin1'));
      for (const message of messages) socket.send(message, port, address);
      await done;
    }
    clearTimeout(deadline);
    socket.close();
    return good;
  },

  async udpListen({ address, port: wanted = 0 }) {
    const { socket, port } = await bound(address, wanted);
    const received: string[] = [];
    datagrams.set(port, received);
    socket.on('message', (message) => received.push(createHash('sha256').update(message).digest('hex')));
    return port;
  },

  async udpReceived({ port, count }) {
    const received = datagrams.get(port) ?? [];
    while (received.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    return received;
  },

  async udpSend({ address, port, text }) {
    const { socket } = await bound(address.includes(':') ? '::' : '0.0.0.0', 0);
    if (!address.includes(':')) socket.setBroadcast(true);
    await new Promise<void>((resolve, reject) =>
      socket.send(text, port, address, (error) => (error ? reject(error) : resolve())),
    );
    socket.close();
  },

  async resolve({ server, name, type }) {
    const resolver = new Resolver({ timeout: 20_000, tries: 2 });
    resolver.setServers([server]);
    try {
      const records = type === 'TXT' ? await resolver.resolveTxt(name) : await resolver.resolve(name, type);
      return records.flat();
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  },
};

process.on('message', ({ id, call, argument }: AgentRequest) => {
  const answer = (result: Partial<AgentAnswer>): void => void process.send?.({ id, ...result });
  calls[call](argument).then(
    (value) => answer({ value }),
    (error: unknown) => answer({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0 });
