/** Networks of a real daemon in a namespace that plays the host, and a namespace outside of it, `world`, one hop away. */
import { expect } from 'vitest';
import type { EndpointView, NetworkView } from '../../src/networks/model.ts';
import { MAIN } from './cli-runner.ts';
import { Daemon } from './daemon.ts';
import { type Host, ip, type Lab } from './lab.ts';
import { payloadDigest } from './payload.ts';

/** The host's addresses towards the world, and the world's. */
export const HOST_ADDRESSES = ['10.9.0.1', 'fd00:9::1'] as const;
export const WORLD_ADDRESSES = ['10.9.0.2', 'fd00:9::2'] as const;
const TRANSFER_BYTES = 200_000;

/**
 * A daemon in a namespace that plays the host: what it does to rules and settings stays in there.
 *
 * @param place.hasOwnFiles it sees /etc/netns/NAME as `ip netns exec` shows it; namespaces that it makes nobody else sees then
 */
export function daemonIn(lab: Lab, host: Host, place: { hasOwnFiles?: boolean } = {}): Promise<Daemon> {
  const enter = place.hasOwnFiles ? ['ip', 'netns', 'exec', host.name] : ['nsenter', `--net=${host.path}`];
  return Daemon.start(lab, { args: ['--workers', '1'], program: [...enter, process.execPath, MAIN] });
}

/** A namespace that plays the host, and one hop away from it the world. */
export async function hostAndWorld(lab: Lab): Promise<[Host, Host]> {
  const [host, world] = [await lab.netns('host'), await lab.netns('world')];
  await ip('-n', host.name, 'link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', world.name);
  for (const [at, ifname, addresses] of [
    [host, 'wan0', HOST_ADDRESSES],
    [world, 'eth0', WORLD_ADDRESSES],
  ] as const) {
    await at.run('ip', 'address', 'add', `${addresses[0]}/24`, 'dev', ifname);
    await at.run('ip', 'address', 'add', `${addresses[1]}/64`, 'dev', ifname, 'nodad');
    await at.run('ip', 'link', 'set', ifname, 'up');
  }
  world.solicitPatiently();
  return [host, world];
}

export class NetworkLab {
  readonly host: Host;
  readonly world: Host;
  readonly daemon: Daemon;

  private constructor(host: Host, world: Host, daemon: Daemon) {
    this.host = host;
    this.world = world;
    this.daemon = daemon;
  }

  /** @param beforeStart is given the host's name before the daemon runs there */
  static async open(lab: Lab, beforeStart?: (host: Host) => unknown): Promise<NetworkLab> {
    const [host, world] = await hostAndWorld(lab);
    await beforeStart?.(host);
    return new NetworkLab(host, world, await daemonIn(lab, host, { hasOwnFiles: beforeStart !== undefined }));
  }

  async create(request: object): Promise<NetworkView> {
    const { status, body } = await this.daemon.api.post<NetworkView>('/v1/networks', request);
    expect([status, body]).toMatchObject([201, {}]);
    return body;
  }

  async inspect(network: string): Promise<NetworkView> {
    return (await this.daemon.api.get<NetworkView>(`/v1/networks/${network}`)).body;
  }

  connect(network: string, member: Host, request: object = {}) {
    const path = `/v1/networks/${network}/connect`;
    return this.daemon.api.post<EndpointView>(path, { container: member.name, ...request });
  }

  /** Connects, and waits until the member can send. */
  async join(network: string, member: Host, request: object = {}): Promise<EndpointView> {
    const { status, body } = await this.connect(network, member, request);
    expect([status, body]).toMatchObject([200, { state: 'up' }]);
    member.solicitPatiently();
    await member.connected();
    return body;
  }

  async disconnect(network: string, member: Host): Promise<void> {
    const path = `/v1/networks/${network}/disconnect`;
    expect((await this.daemon.api.post(path, { container: member.name })).status).toBe(204);
  }

  async remove(network: string): Promise<void> {
    expect((await this.daemon.api.send('DELETE', `/v1/networks/${network}`)).status).toBe(204);
  }
}

/** A transfer both ways by TCP between an address that `to` listens on and one that leads there. */
export async function expectTcpVia(
  from: Host,
  to: Host,
  listen: { address: string; port: number },
  connect: { address: string; port: number },
): Promise<void> {
  const [client, server] = await Promise.all([from.agent(), to.agent()]);
  const bytes = TRANSFER_BYTES;
  const port = await server.call('tcpListen', { ...listen, bytes, seed: to.name });
  const received = await client.call('tcpConnect', { ...connect, bytes, seed: from.name });
  expect(received).toEqual({ bytes, digest: payloadDigest(to.name, bytes) });
  expect(await server.call('tcpOutcome', port)).toEqual({ bytes, digest: payloadDigest(from.name, bytes) });
}

/** Datagrams to an address that leads to an echo come back. */
export async function expectUdpVia(from: Host, connect: { address: string; port: number }): Promise<void> {
  const lengths = [1, 100, 1400];
  expect(await (await from.agent()).call('udpExchange', { ...connect, lengths })).toBe(lengths.length);
}
