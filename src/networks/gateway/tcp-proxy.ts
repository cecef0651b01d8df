/** A TCP port that leads to another. Each side's end of sending is passed on, and errors of one side end the other. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Proxy, Route } from './proxies.ts';

export async function openTcpProxy({ host, port, targetHost, targetPort }: Route): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    const target = track(connect({ host: targetHost, port: targetPort, allowHalfOpen: true, noDelay: true }));
    track(client);
    client.on('error', () => target.destroy());
    target.on('error', () => client.resetAndDestroy());
    // One that ended in order has been passed on already, and what is still to be sent is not to be lost.
    client.on('close', () => client.readableEnded || target.destroy());
    target.on('close', () => target.readableEnded || client.destroy());
    target.on('connect', () => {
      client.pipe(target);
      target.pipe(client);
    });
  });
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
