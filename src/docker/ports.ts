/** Ports that `docker run -p` publishes: which of the host they become. */
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import { TswitchError } from '../control/errors.ts';
import type { Protocol, Published } from '../networks/model.ts';
import type { PortBinding } from './bodies.ts';

const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
]);

/** Where Docker lets any port do, or any of a range, the first is taken that nothing listens on. @throws TswitchError */
export async function publishedPorts(bindings: readonly PortBinding[]): Promise<Published[]> {
  const published: Published[] = [];
  for (const { Proto, Port, HostIP, HostPort, HostPortEnd } of bindings) {
    const protocol = PROTOCOLS.get(Proto);
    if (!protocol) {
      throw new TswitchError('BAD_REQUEST', `port ${Port}: only tcp and udp can be published, not protocol ${Proto}`);
    }
    const hostIp = HostIP || null;
    const first = HostPort ?? 0;
    const last = Math.max(first, HostPortEnd ?? 0);
    const chosen = published.filter((each) => each.protocol === protocol).map((each) => each.hostPort);
    const isFixed = first !== 0 && first === last;
    const hostPort = isFixed ? first : await freePort({ protocol, hostIp, first, last, chosen });
    published.push({ protocol, hostIp, hostPort, containerPort: Port, count: 1 });
  }
  return published;
}

interface PortRange {
  protocol: Protocol;
  hostIp: string | null;
  /** 0: the kernel chooses. */
  first: number;
  last: number;
  /** Those that are given already. */
  chosen: readonly number[];
}

async function freePort({ protocol, hostIp, first, last, chosen }: PortRange): Promise<number> {
  const listen = protocol === 'tcp' ? tryTcp : tryUdp;
  for (let port = first; port <= last; port++) {
    const found = await listen(hostIp ?? '0.0.0.0', port).catch(() => null);
    if (found !== null && !chosen.includes(found)) return found;
  }
  throw new TswitchError('ADDRESS_IN_USE', `every port of the host from ${first} to ${last}/${protocol} is in use`);
}

async function tryTcp(host: string, port: number): Promise<number> {
  const server = createServer().listen({ host, port, exclusive: true });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : port;
}

async function tryUdp(address: string, port: number): Promise<number> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').bind({ address, port, exclusive: true });
  await once(socket, 'listening');
  const bound = socket.address().port;
  socket.close();
  return bound;
}
