/**
 * A real dockerd in a namespace that plays the host, with folders of its own, and an image made of busybox. What it leaves
 * behind (mounts, cgroups, containerd) goes with the lab.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStat } from '../../src/control/plumbing/process-mark.ts';
import { apiClient } from './api-client.ts';
import type { Ended } from './cli-runner.ts';
import { type Host, type Lab, runProgram, until } from './lab.ts';

/** Of the package: another client may come first in PATH. */
const CLIENT = '/usr/bin/docker';
const COMPOSE = 'docker-compose';
export const IMAGE = 'tswt:box';

export class Dockerd {
  readonly folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-docker-`));
  readonly socket = join(this.folder, 'docker.sock');
  readonly api = apiClient(this.socket);
  readonly execRoot = join(this.folder, 'exec');
  /** What it printed since it was started last. */
  log = '';
  readonly #host: Host;
  #child: ChildProcess | null = null;

  private constructor(lab: Lab, host: Host) {
    this.#host = host;
    lab.defer(() => this.#cleanUp());
  }

  static async start(lab: Lab, host: Host, ...flags: string[]): Promise<Dockerd> {
    const dockerd = new Dockerd(lab, host);
    await dockerd.start(...flags);
    await dockerd.#importImage();
    return dockerd;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Until it answers. */
  async start(...flags: string[]): Promise<void> {
    this.log = '';
    const own = ['--data-root', this.#path('root'), '--exec-root', this.execRoot, '-p', this.#path('pid')];
    const args = [`--net=${this.#host.path}`, 'dockerd', ...own, '-H', `unix://${this.socket}`, ...flags];
    const child = spawn('nsenter', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    this.#child = child;
    await until('dockerd to answer', async () => {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${this.log.slice(-2000)}`);
      return this.api.get('/_ping').then(
        ({ status }) => status === 200,
        () => false,
      );
    });
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'close');
    await this.#forgetContainerd();
  }

  /** Runs the client. */
  run(...args: string[]): Promise<Ended> {
    return ended(CLIENT, ['-H', `unix://${this.socket}`, ...args]);
  }

  compose(file: string, ...args: string[]): Promise<Ended> {
    return ended(COMPOSE, ['-H', `unix://${this.socket}`, '-p', `tswt${process.pid}`, '-f', file, ...args]);
  }

  /** What the client prints; rejects where it fails. */
  async out(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  }

  /** A container that waits, or does what is said. @param options for `docker run` */
  box(name: string, options: string[], ...command: string[]): Promise<string> {
    const all = ['run', '--detach', '--init', '--name', name, ...options, IMAGE];
    return this.out(...all, ...(command.length > 0 ? command : ['sleep', '3600']));
  }

  /** Plugins of Docker's own containers see namespaces that come later only where mounts are passed on, as systemd has it for all. */
  async passMountsOn(): Promise<void> {
    await runProgram('mount', ['--rbind', this.execRoot, this.execRoot]);
    await runProgram('mount', ['--make-rshared', this.execRoot]);
  }

  /** Removes containers and networks. */
  async clear(): Promise<void> {
    const containers = await this.out('ps', '--all', '--quiet');
    if (containers) await this.out('rm', '--force', ...containers.split('\n'));
    await this.out('network', 'prune', '--force');
  }

  async #importImage(): Promise<void> {
    const rootfs = this.#path('rootfs');
    for (const folder of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev'])
      mkdirSync(join(rootfs, folder), { recursive: true });
    await runProgram('cp', ['/bin/busybox', join(rootfs, 'bin')]);
    await runProgram('/bin/busybox', ['--install', '-s', join(rootfs, 'bin')]);
    // Links to where the program is here.
    await runProgram('sh', [
      '-c',
      `cd ${rootfs}/bin && for each in *; do [ -L $each ] && ln -sf busybox $each; done; :`,
    ]);
    await runProgram('tar', ['-C', rootfs, '-c', '-f', this.#path('image.tar'), '.']);
    await this.out('import', '-c', 'ENV PATH=/bin', this.#path('image.tar'), IMAGE);
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  /** It ends with dockerd; where nobody asks after it, the next dockerd would take it for a living one and wait for it. */
  async #forgetContainerd(): Promise<void> {
    const file = this.#path('exec/containerd/containerd.pid');
    if (!existsSync(file)) return;
    const pid = Number(readFileSync(file, 'utf8'));
    await until('containerd to end', () => processStat(pid)?.hasEnded ?? true);
    rmSync(file);
  }

  async #cleanUp(): Promise<void> {
    if (this.#child) await this.clear().catch(() => undefined);
    await this.end('SIGTERM');
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    for (const mount of mounts.filter((path) => path.startsWith(`${this.folder}/`)).toReversed()) {
      await runProgram('umount', ['--lazy', mount]).catch(() => undefined);
    }
    for (const controller of readdirSync('/sys/fs/cgroup')) {
      for (const group of ['docker', 'plugins.moby']) {
        try {
          rmdirSync(join('/sys/fs/cgroup', controller, group));
        } catch {
          // It has none, or another dockerd uses it.
        }
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ended(program: string, args: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const texts = { stdout: '', stderr: '' };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, ...texts }));
  });
}
