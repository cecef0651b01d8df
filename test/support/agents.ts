/** Starts agents (see agent.ts) in namespaces, and talks to them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AgentAnswer, AgentCalls } from './agent.ts';

const AGENT_FILE = fileURLToPath(new URL('./agent.ts', import.meta.url));

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Agent {
  readonly child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.on('message', ({ id, value, error }: AgentAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    child.on('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the agent ended'));
    });
  }

  /** @param netns path of the namespace's file */
  static async start(netns: string): Promise<Agent> {
    const child = spawn('nsenter', [`--net=${netns}`, process.execPath, AGENT_FILE], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new Agent(child);
  }

  call<Name extends keyof AgentCalls>(
    call: Name,
    argument: Parameters<AgentCalls[Name]>[0],
  ): Promise<Awaited<ReturnType<AgentCalls[Name]>>> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.send({ id, call, argument });
    });
  }
}

/** Ends a child process and waits until it has. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
