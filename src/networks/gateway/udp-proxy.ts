/** A UDP port that leads to another. Each client has a socket of its own towards the target, so that answers find back. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Proxy, Route } from './proxies.ts';

/** A client that was silent for so long is forgotten, as the kernel forgets its translations (nf_conntrack_udp_timeout_stream). */
const IDLE_MS = 120_000;
/** Clients at a time; whoever was silent longest goes first. */
const CLIENTS_MAX = 1024;

interface Client {
  socket: Socket;
  timer: NodeJS.Timeout;
}

export async function openUdpProxy({ host, port, targetHost, targetPort }: Route): Promise<Proxy> {
  const server = createSocket(typeOf(host));
  /** In the order in which they were heard last. */
  const clients = new Map<string, Client>();
  const forget = (key: string): void => {
    const client = clients.get(key);
    if (!client) return;
    clients.delete(key);
    clearTimeout(client.timer);
    client.socket.close();
  };
  const admit = (key: string, address: string, clientPort: number): Client => {
    const [oldest] = clients.keys();
    if (oldest !== undefined && clients.size >= CLIENTS_MAX) forget(oldest);
    const socket = createSocket(typeOf(targetHost));
    socket.on('message', (message) => server.send(message, clientPort, address, () => undefined));
    // The target's port may be closed (ICMP): the client's next datagram tries again.
    socket.on('error', () => forget(key));
    return { socket, timer: setTimeout(() => forget(key), IDLE_MS).unref() };
  };
  server.on('message', (message, from) => {
    const key = `${from.address} ${from.port}`;
    const client = clients.get(key) ?? admit(key, from.address, from.port);
    clients.delete(key);
    clients.set(key, client);
    client.timer.refresh();
    client.socket.send(message, targetPort, targetHost, () => undefined);
  });
  server.bind({ address: host, port, exclusive: true });
  await once(server, 'listening');
  return {
    async close() {
      for (const key of clients.keys()) forget(key);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function typeOf(host: string): 'udp4' | 'udp6' {
  return isIPv6(host) ? 'udp6' : 'udp4';
}
