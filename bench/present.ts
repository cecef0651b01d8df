/**
 * A subject that is set up between its hosts for a whole round, beside all the others, and stands still unless it is
 * measured: so any two are compared that were measured within seconds of each other, and none takes time from another.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from './measurement.ts';
import { greet, meet } from './system/hosts.ts';
import type { Bench, Layout, Rig, Subject } from './system/subject.ts';

/** For frames that are still under way. */
const REST_MS = 20;

export class Present implements AsyncDisposable {
  readonly subject: Subject;
  readonly rig: Rig;
  readonly #bench: Bench;
  readonly #stack: AsyncDisposableStack;
  /** What this subject's measurements of the round found out that later ones need, by a name. */
  readonly known: Context['known'];

  private constructor(subject: Subject, rig: Rig, bench: Bench, stack: AsyncDisposableStack, known: Context['known']) {
    this.subject = subject;
    this.rig = rig;
    this.known = known;
    this.#bench = bench;
    this.#stack = stack;
  }

  /** @param bench with a prefix that no other subject has */
  static async setUp(bench: Bench, subject: Subject, layout: Layout, known: Context['known']): Promise<Present> {
    // Rigs put on it what they make later, so it is not moved.
    const stack = new AsyncDisposableStack();
    try {
      const rig = await subject.setUp(bench, stack, layout);
      // A host behind a trunk does not understand tags, so it cannot meet anybody.
      if (layout !== 'trunk') await meet(rig.hosts, bench.signal);
      const present = new Present(subject, rig, bench, stack, known);
      present.#signal('SIGSTOP');
      return present;
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  /** Runs `act` while the subject runs. Addresses that it forgot meanwhile it has learned again by then. */
  async awake(act: () => Promise<void>): Promise<void> {
    this.#signal('SIGCONT');
    try {
      if (this.rig.layout !== 'trunk') await greet(this.rig.hosts, this.#bench.signal);
      await act();
      await sleep(REST_MS, undefined, { signal: this.#bench.signal });
    } finally {
      this.#signal('SIGSTOP');
    }
  }

  /** A process that ended by itself shows in whatever is measured next. */
  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const pid of this.rig.switchPids) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal('SIGCONT');
    await this.#stack.disposeAsync();
  }
}
