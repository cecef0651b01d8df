/**
 * The bystander: a flow of numbered frames between two hosts, far below what the switch can do, while others abuse it. It
 * runs in a process of its own, so that it does not wait for the test's event loop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { stop } from './agents.ts';

const PROGRAM = fileURLToPath(new URL('./bystander-program.ts', import.meta.url));

/** For local experiments, the second (IEEE 802-2014, 9.2.4); the loop probe has the first. */
export const FLOW_ETHERTYPE = 0x88b6;

export interface BystanderTask {
  /** Paths of the namespaces; the frames go from one's eth0 to the other's. */
  from: string;
  to: string;
  src: string;
  dst: string;
  perSecond: number;
}

export interface BystanderOutcome {
  /** By its pace; it waits with sending where too many frames are under way. */
  due: number;
  sent: number;
  received: number;
  twice: number;
  outOfOrder: number;
  /** Longest time without a frame, in ms that the bystander itself ran. */
  longestGapMs: number;
}

export class Bystander {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @returns once it sends */
  static async start(task: BystanderTask): Promise<Bystander> {
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(task)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const bystander = new Bystander(child);
    await bystander.#next();
    return bystander;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The outcome so far; frames that are under way count as lost. */
  async look(): Promise<BystanderOutcome> {
    this.#child.send('look');
    return (await this.#next()) as BystanderOutcome;
  }

  /** Stops sending, waits for what is under way, and ends. */
  async stop(): Promise<BystanderOutcome> {
    this.#child.send('stop');
    const outcome = (await this.#next()) as BystanderOutcome;
    await this.abandon();
    return outcome;
  }

  /** For when a test fails halfway. */
  abandon(): Promise<void> {
    return stop(this.#child);
  }

  async #next(): Promise<unknown> {
    const ending = new AbortController();
    const ended = once(this.#child, 'exit', { signal: ending.signal }).then(
      () => Promise.reject(new Error('the bystander ended')),
      () => {},
    );
    try {
      const [message] = (await Promise.race([once(this.#child, 'message'), ended])) as unknown[];
      return message;
    } finally {
      ending.abort();
    }
  }
}

/** Of what was sent, the share that arrived; between two outcomes if there is an earlier one. */
export function shareOf(outcome: BystanderOutcome, since?: BystanderOutcome): number {
  return (outcome.received - (since?.received ?? 0)) / (outcome.sent - (since?.sent ?? 0));
}

/** For print. */
export function told(outcome: BystanderOutcome): string {
  const { due, sent, twice, outOfOrder, longestGapMs } = outcome;
  const percent = (shareOf(outcome) * 100).toFixed(2);
  return (
    `bystander: ${percent} % of ${sent} frames (${due} due), ${twice} twice, ${outOfOrder} out of order, ` +
    `longest gap ${longestGapMs} ms`
  );
}
