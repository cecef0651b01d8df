/** A real daemon, as a process, on a socket of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stop } from './agents.ts';
import { apiClient } from './api-client.ts';
import { cliRunner, MAIN } from './cli-runner.ts';
import { type Lab, until } from './lab.ts';

export interface DaemonStart {
  /** Of `serve`, beside the socket. */
  args?: string[];
  env?: NodeJS.ProcessEnv;
  /** What runs the daemon; by default the Node of this process with the program of this checkout. */
  program?: string[];
}

export class Daemon {
  readonly folder: string;
  readonly socket: string;
  readonly child: ChildProcess;
  /** Runs commands against it. */
  readonly tswitch: ReturnType<typeof cliRunner>;
  readonly api: ReturnType<typeof apiClient>;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  stdout = '';
  stderr = '';

  /** Does not wait for it; it ends with the lab at the latest. */
  constructor(lab: Lab, { args = [], env = {}, program = [process.execPath, MAIN] }: DaemonStart = {}) {
    this.folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-daemon-`));
    this.socket = join(this.folder, 'api.sock');
    const [file = '', ...before] = program;
    const argv = [...before, 'serve', '--ephemeral', '--socket', this.socket, ...args];
    this.child = spawn(file, argv, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
    });
    this.tswitch = cliRunner(this.socket);
    this.api = apiClient(this.socket);
    lab.defer(() => rmSync(this.folder, { recursive: true, force: true }));
    lab.defer(() => this.#end());
  }

  /** Waits until it listens. */
  static async start(lab: Lab, options: DaemonStart = {}): Promise<Daemon> {
    const daemon = new Daemon(lab, options);
    await daemon.listens();
    return daemon;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  async listens(): Promise<void> {
    await until('the daemon to listen', () => {
      if (this.child.exitCode !== null) throw new Error(`the daemon has ended: ${this.stderr}`);
      return this.stdout.includes(' listening on ');
    });
  }

  /** Asks it to end, so that it takes its ports along; what does not listen is killed. */
  async #end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGCONT');
    this.child.kill('SIGTERM');
    await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, 10_000).unref())]);
    await stop(this.child);
  }
}
