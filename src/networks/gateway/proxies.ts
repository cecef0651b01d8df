/**
 * Published ports on the host's loopback addresses, and the proof that a port is free: the kernel translates no address of a
 * packet that stays on loopback, so a small proxy of the daemon's own takes these connections and makes its own to the member.
 * What comes by other addresses is translated by the kernel (rules.ts) and never gets here.
 */
import { TswitchError } from '../../control/errors.ts';
import { bareAddress } from '../addresses/choice.ts';
import type { EndpointRecord, Published } from '../model.ts';
import { openTcpProxy } from './tcp-proxy.ts';
import { openUdpProxy } from './udp-proxy.ts';

export interface Proxy {
  close(): Promise<void>;
}

/** Where a proxy listens and what it leads to. */
export interface Route {
  host: string;
  port: number;
  targetHost: string;
  targetPort: number;
}

export class Proxies {
  /** By the ids of endpoints. */
  readonly #open = new Map<string, Proxy[]>();

  /**
   * Those of these members are there afterwards, and no others.
   *
   * @throws TswitchError ADDRESS_IN_USE, ADDRESS_REFUSED: the first that was met; all the others are there nevertheless
   */
  async follow(endpoints: readonly EndpointRecord[]): Promise<void> {
    const publishing = endpoints.filter(({ published }) => published.length > 0);
    const wanted = new Set(publishing.map(({ id }) => id));
    for (const id of this.#open.keys()) if (!wanted.has(id)) await this.#close(id);
    const errors: unknown[] = [];
    for (const endpoint of publishing) {
      if (!this.#open.has(endpoint.id)) await this.#openAll(endpoint).catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw errors[0];
  }

  async close(): Promise<void> {
    for (const id of this.#open.keys()) await this.#close(id);
  }

  async #openAll({ id, addresses, published: all }: EndpointRecord): Promise<void> {
    const target = bareAddress(addresses[0] ?? '');
    const proxies: Proxy[] = [];
    this.#open.set(id, proxies);
    try {
      for (const published of all) {
        for (const route of routesOf(published, target)) proxies.push(await open(published, route));
      }
    } catch (error) {
      await this.#close(id);
      throw error;
    }
  }

  async #close(id: string): Promise<void> {
    const proxies = this.#open.get(id) ?? [];
    this.#open.delete(id);
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}

function routesOf({ hostIp, hostPort, containerPort, count }: Published, target: string): Route[] {
  const hosts = listenersOf(hostIp);
  return Array.from({ length: count }, (_, index) =>
    hosts.map((host) => ({ host, port: hostPort + index, targetHost: target, targetPort: containerPort + index })),
  ).flat();
}

/** For all addresses, the loopback ones: on the others nobody could listen beside the host's own servers. */
function listenersOf(hostIp: string | null): string[] {
  if (hostIp === null) return ['127.0.0.1', '::1'];
  if (hostIp === '0.0.0.0') return ['127.0.0.1'];
  return [hostIp === '::' ? '::1' : hostIp];
}

async function open({ protocol }: Published, route: Route): Promise<Proxy> {
  try {
    return await (protocol === 'tcp' ? openTcpProxy(route) : openUdpProxy(route));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const place = `port ${route.port}/${protocol} of the host's address ${route.host}`;
    if (code === 'EADDRINUSE') {
      throw new TswitchError('ADDRESS_IN_USE', `${place} is in use by another program: publish another port`);
    }
    // A host without IPv6 has no ::1 to publish on.
    if (code === 'EADDRNOTAVAIL' && route.host === '::1') return { close: () => Promise.resolve() };
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES') {
      throw new TswitchError('ADDRESS_REFUSED', `${place} cannot be used (${code}): publish on an address that it has`);
    }
    throw error;
  }
}
