/**
 * A program that runs beside the harness: a switch, a server, a generator. It is ended by its pid when its scope is left,
 * and by the kernel should the harness die (setpriv --pdeathsig), so no load outlives a run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 5_000;
const OUTPUT_CHARS_MAX = 64 * 1024;
/** Of a command line, in messages. */
const NAME_CHARS_MAX = 160;

export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<unknown>;
  #output = '';
  /** Of `news`: it printed something, or ended. */
  readonly #heard = new EventEmitter();

  private constructor(process: ChildProcess, name: string) {
    this.#process = process;
    this.#name = name;
    this.#ended = Promise.race([once(process, 'close'), once(process, 'error')])
      .catch(() => {})
      .then(() => this.#heard.emit('news'));
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX);
        this.#heard.emit('news');
      });
    }
  }

  /** Starts a program of its own process group (Ctrl-C is for the harness, which then ends it in order), stdin open. */
  static start(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
      detached: true,
      stdio: 'pipe',
      env: { ...process.env, ...env },
    });
    return new Child(child, argv.join(' ').slice(0, NAME_CHARS_MAX));
  }

  /** setpriv, nsenter and taskset all replace themselves: this is the program's own pid. */
  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.#name} could not be started`);
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Waits until what the program printed so far matches. @throws Error if it ends before or takes too long */
  async printed(pattern: RegExp, signal: AbortSignal, timeoutMs: number = START_TIMEOUT_MS): Promise<RegExpMatchArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = this.#output.match(pattern);
      if (match) return match;
      this.assertRunning();
      const leftMs = Math.ceil(deadline - performance.now());
      if (leftMs <= 0) throw new Error(`${this.#name} did not get ready: ${this.#tail()}`);
      await this.#news(signal, leftMs);
    }
  }

  /** Waits, without looking again and again: while something is measured the harness is to be still. */
  async #news(signal: AbortSignal, timeoutMs: number): Promise<void> {
    try {
      await once(this.#heard, 'news', { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    } catch {
      signal.throwIfAborted();
    }
  }

  /** @throws Error with what the program said last, if it has ended */
  assertRunning(): void {
    if (!this.running) throw new Error(`${this.#name} ended: ${this.#tail()}`);
  }

  hasPrinted(text: string): boolean {
    return this.#output.includes(text);
  }

  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  closeStdin(): void {
    this.#process.stdin?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#process.kill('SIGTERM');
    await Promise.race([this.#ended, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    if (this.running) this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #tail(): string {
    return this.#output.trim().slice(-500) || 'it printed nothing';
  }
}
