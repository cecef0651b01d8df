/** The daemon as users run it, with kept state in a folder of its own: to be killed, stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kept } from '../../src/control/store/kept.ts';
import { apiClient } from './api-client.ts';
import { MAIN } from './cli-runner.ts';
import { type Lab, until } from './lab.ts';

export class Daemon {
  readonly folder = mkdtempSync(join(tmpdir(), 'tswitch-daemon-'));
  readonly socket = join(this.folder, 'api.sock');
  /** Where it keeps its state unless told otherwise. */
  readonly state = join(this.folder, 'api.state.db');
  readonly api = apiClient(this.socket);
  /** A program that starts it, such as one that sets limits. */
  prefix: string[] = [];
  /** What it printed on stderr since it was started last. */
  log = '';
  #child: ChildProcess | null = null;

  /** Make it after the namespaces: what it leaves in place ends with them. */
  constructor(lab: Lab) {
    lab.defer(async () => {
      await this.kill();
      this.#removeMarks();
      rmSync(this.folder, { recursive: true });
    });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get child(): ChildProcess {
    if (!this.#child) throw new Error('no daemon was started');
    return this.#child;
  }

  /** Until it answers. @param args for `serve` */
  async start(...args: string[]): Promise<void> {
    const child = this.launch(...args);
    const ended = once(child, 'close').then(() => {
      throw new Error(`the daemon ended: ${this.log}`);
    });
    ended.catch(() => undefined);
    await Promise.race([ended, until('the daemon to answer', () => this.answers())]);
  }

  /** Starts it and waits for nothing. */
  launch(...args: string[]): ChildProcess {
    this.log = '';
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN];
    const serve = ['serve', '--socket', this.socket, '--workers', '1', ...args];
    const [program = '', ...rest] = [...this.prefix, ...node, ...serve];
    const child = spawn(program, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    this.#child = child;
    return child;
  }

  /** Of loaded logics: a next life would. */
  #removeMarks(): void {
    const record = `${this.state}.logics`;
    if (!existsSync(record)) return;
    const { run } = JSON.parse(readFileSync(record, 'utf8')) as { run: { marks: string } | null };
    if (run) rmSync(run.marks, { force: true });
  }

  async answers(): Promise<boolean> {
    return this.api.get('/healthz').then(
      () => true,
      () => false,
    );
  }

  /** At once, with nothing put in order. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** In order. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** What it has kept, as its second file says. */
  kept(): Kept {
    const [, text = ''] = readFileSync(`${this.state}.last-good`, 'utf8').split('\n');
    return JSON.parse(text) as Kept;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'close');
  }
}
