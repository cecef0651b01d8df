/** A dockerd and a tswitch that is its driver, in a namespace that plays the host; and the world, one hop away. */
import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import type { NetworkView } from '../../src/networks/model.ts';
import { Dockerd } from './dockerd.ts';
import { Daemon } from './kept-daemon.ts';
import type { Host, Lab } from './lab.ts';
import { hostAndWorld } from './network-lab.ts';

/** Called like its socket, so that test runs do not meet. */
export const DRIVER = `tswt-${process.pid}`;
const PLUGIN_SOCKET = `/run/docker/plugins/${DRIVER}.sock`;
/** Both of its drivers. */
export const DRIVERS = ['--driver', DRIVER, '--ipam-driver', DRIVER];

export class DockerLab {
  readonly host: Host;
  readonly world: Host;
  readonly tswitch: Daemon;
  readonly docker: Dockerd;
  /** Interfaces of the host before anything was asked for. */
  readonly #interfaces: string[];

  private constructor(place: { host: Host; world: Host }, tswitch: Daemon, docker: Dockerd, interfaces: string[]) {
    this.host = place.host;
    this.world = place.world;
    this.tswitch = tswitch;
    this.docker = docker;
    this.#interfaces = interfaces;
  }

  static async open(lab: Lab, ...flags: string[]): Promise<DockerLab> {
    const [host, world] = await hostAndWorld(lab);
    // A daemon that was killed leaves it there.
    lab.defer(() => rmSync(PLUGIN_SOCKET, { force: true }));
    const tswitch = new Daemon(lab);
    tswitch.prefix = ['nsenter', `--net=${host.path}`];
    await tswitch.start('--docker', PLUGIN_SOCKET);
    const docker = await Dockerd.start(lab, host, ...flags);
    return new DockerLab({ host, world }, tswitch, docker, await linksOf(host));
  }

  startTswitch(): Promise<void> {
    return this.tswitch.start('--docker', PLUGIN_SOCKET);
  }

  async networks(): Promise<NetworkView[]> {
    return (await this.tswitch.api.get<{ networks: NetworkView[] }>('/v1/networks')).body.networks;
  }

  /** Those that Docker has made. */
  async dockers(): Promise<NetworkView[]> {
    return (await this.networks()).filter(({ owner }) => owner === 'docker');
  }

  /** Runs a program in a container. */
  inside(container: string, ...command: string[]) {
    return this.docker.run('exec', container, ...command);
  }

  /** Whether a container is answered, within a generous time. */
  async pings(container: string, to: string): Promise<boolean> {
    return (await this.inside(container, 'ping', '-c', '1', '-W', '20', to)).code === 0;
  }

  async pingsInVain(container: string, to: string): Promise<boolean> {
    return (await this.inside(container, 'ping', '-c', '1', '-W', '1', to)).code !== 0;
  }

  /** What a server at the URL says to somebody in the namespace. */
  async fetched(from: Host, url: string): Promise<string> {
    const get = ['timeout', '10', '/bin/busybox', 'wget', '-q', '-O', '-', url] as const;
    let text = '';
    await expect.poll(async () => (text = await from.run(...get).catch(() => ''))).not.toBe('');
    return text.trim();
  }

  /** Removes everything, and expects that nothing is left of it anywhere. */
  async expectNothingLeft(): Promise<void> {
    await this.docker.clear();
    await expect.poll(() => linksOf(this.host)).toEqual(this.#interfaces);
    expect((await this.networks()).map(({ name }) => name)).toEqual(['bridge', 'host', 'none']);
    expect((await this.tswitch.api.get('/v1/ports')).body).toEqual({ ports: [] });
    expect(await this.host.run('nft', 'list', 'tables')).not.toContain('tswitch_');
    expect(await this.host.run('iptables', '-S')).not.toContain('tsg-');
  }
}

async function linksOf(host: Host): Promise<string[]> {
  const links = JSON.parse(await host.run('ip', '-json', 'link')) as { ifname: string }[];
  return links.map(({ ifname }) => ifname).sort();
}
