/** A subject: a switch that the harness can set up between two hosts, and take down again. */
import type { Host } from './hosts.ts';

/** What all measurements of a run share. */
export interface Bench {
  /** The name of every namespace and folder made by this run starts with it. */
  readonly prefix: string;
  /** Private folder for sockets and databases. */
  readonly folder: string;
  /** The generator has a core of its own. */
  readonly generatorCore: number;
  /** The switch's processes share the other. The same number where there is one core only. */
  readonly switchCore: number;
  /** Aborted by Ctrl-C; everything that waits listens to it. */
  readonly signal: AbortSignal;
}

/** A subject that works: hosts `a` and `b` reach each other through it. */
export interface Rig {
  readonly a: Host;
  readonly b: Host;
  /** The processes that forward; empty where the kernel does. */
  readonly switchPids: readonly number[];
}

export interface Subject {
  readonly name: string;
  /** What it is, and what help the harness gives it, in one line. */
  readonly about: string;
  /** Why it cannot run here; null if it can. */
  unavailable(): string | null;
  /** Sets itself up; all that is to be undone goes onto the stack, also when it fails half-way. */
  setUp(bench: Bench, stack: AsyncDisposableStack): Promise<Rig>;
}
