/**
 * The name server of one network, on its gateway's addresses: answers what is to be known of members, and passes the rest on to
 * the host's resolvers; of an internal network it refuses that.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server, type Socket as TcpSocket } from 'node:net';
import { TswitchError } from '../../control/errors.ts';
import { addressesOf, askerAt, type Asker, type Lookup, namesOf, reversed } from './answers.ts';
import { answerTo, asDatagram, errorTo, type Question, RCODE, readQuestion } from './messages.ts';
import { askUpstream, framed, hostResolvers, unframed } from './upstream.ts';
import type { NetworkRecord, NetworksDocument } from '../model.ts';

const PORT = 53;
/** Questions of one network that wait for the host's resolvers, at most. */
const FORWARDS_MAX = 256;
const CONNECTIONS_MAX = 64;
const IDLE_MS = 10_000;

export interface DnsServerOptions {
  document: () => NetworksDocument;
  /** Of the network. */
  id: string;
  /** The gateway's. */
  addresses: readonly string[];
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #udp: Socket[] = [];
  readonly #tcp: Server[] = [];
  readonly #connections = new Set<TcpSocket>();
  #forwards = 0;
  #turn = 0;

  private constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** @throws TswitchError ADDRESS_IN_USE where another server has the port */
  static async open(options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    try {
      for (const address of options.addresses) await server.#listen(address);
      return server;
    } catch (error) {
      await server.close();
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'EADDRINUSE') throw error;
      throw new TswitchError(
        'ADDRESS_IN_USE',
        `a name server has port ${PORT} of every address of the host already: have it listen on its own addresses only, or create the network with --no-dns`,
      );
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      ...this.#udp.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
      ...this.#tcp.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    ]);
  }

  async #listen(address: string): Promise<void> {
    const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    udp.on('message', (message, from) => {
      void this.#answer(message, from.address, 'udp').then((answer) => {
        if (answer) udp.send(answer, from.port, from.address, () => undefined);
      });
    });
    udp.bind({ port: PORT, address, exclusive: true });
    await once(udp, 'listening');
    this.#udp.push(udp);
    const tcp = createServer((connection) => this.#serve(connection));
    tcp.maxConnections = CONNECTIONS_MAX;
    tcp.listen({ port: PORT, host: address });
    await once(tcp, 'listening');
    this.#tcp.push(tcp);
  }

  #serve(connection: TcpSocket): void {
    this.#connections.add(connection);
    let received = Buffer.alloc(0);
    connection.setTimeout(IDLE_MS, () => connection.destroy());
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const [message, rest] = unframed(received);
        received = Buffer.from(rest);
        if (!message) return;
        void this.#answer(message, connection.remoteAddress ?? '', 'tcp').then((answer) => {
          if (answer && connection.writable) connection.write(framed(answer));
        });
      }
    });
  }

  /** Null: no answer is due. Never throws. */
  async #answer(message: Buffer, from: string, transport: 'udp' | 'tcp'): Promise<Buffer | null> {
    const question = readQuestion(message);
    if (question === null) return null;
    if (typeof question === 'number') return errorTo(message, question);
    const network = this.#network();
    if (!network) return answerTo(question, RCODE.REFUSED);
    const lookup = this.#lookUp(question, askerAt(network, from));
    if (lookup === 'foreign') return this.#forward(message, question, network, transport);
    const answer =
      lookup === 'absent' ? answerTo(question, RCODE.NXDOMAIN) : answerTo(question, RCODE.NOERROR, lookup.found);
    return transport === 'udp' ? asDatagram(answer, question) : answer;
  }

  #lookUp({ name, type }: Question, asker: Asker): Lookup {
    const document = this.#options.document();
    const address = reversed(name);
    if (address !== null) {
      const names = namesOf(document, asker, address);
      return type === 'PTR' || typeof names === 'string' ? names : { found: [] };
    }
    const isAddress = type === 'A' || type === 'AAAA';
    const found = addressesOf(document, asker, name, type === 'AAAA' ? 6 : 4, this.#turn++);
    // Of a name that is a member's nothing else is known here, nor anywhere else.
    return isAddress || typeof found === 'string' ? found : { found: [] };
  }

  async #forward(
    message: Buffer,
    question: Question,
    { internal }: NetworkRecord,
    transport: 'udp' | 'tcp',
  ): Promise<Buffer> {
    if (internal) return answerTo(question, RCODE.REFUSED);
    if (this.#forwards >= FORWARDS_MAX) return answerTo(question, RCODE.SERVFAIL);
    this.#forwards++;
    try {
      const own = this.#gateways();
      const resolvers = (await hostResolvers()).filter((resolver) => !own.has(resolver));
      return (await askUpstream(message, resolvers, transport)) ?? answerTo(question, RCODE.SERVFAIL);
    } finally {
      this.#forwards--;
    }
  }

  #network(): NetworkRecord | undefined {
    return this.#options.document().networks.find(({ id }) => id === this.#options.id);
  }

  /** Asking these would be asking oneself, without end. */
  #gateways(): Set<string> {
    return new Set(this.#options.document().networks.flatMap(({ subnets }) => subnets.map(({ gateway }) => gateway)));
  }
}
