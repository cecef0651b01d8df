/** A subject: a switch that the harness can set up between hosts, and take down again. */
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
  /** Where a switch has several workers: theirs, as taskset lists cores. */
  readonly workerCores: string;
  /** Aborted by Ctrl-C; everything that waits listens to it. */
  readonly signal: AbortSignal;
}

/**
 * How hosts and subject are joined. `pair`: hosts a and b; `trio` and `quad`: three and four hosts; `trunk`: host a at a port
 * that takes and gives VLAN 10 tagged, host b at an access port of VLAN 10.
 */
export type Layout = 'pair' | 'trio' | 'quad' | 'trunk';
export const HOSTS: Readonly<Record<Layout, number>> = { pair: 2, trio: 3, quad: 4, trunk: 2 };
export const TRUNK_VLAN = 10;

/** A subject that works: all hosts reach each other through it (in a trunk layout, b's access port takes what a tags). */
export interface Rig {
  readonly layout: Layout;
  readonly hosts: readonly Host[];
  readonly a: Host;
  readonly b: Host;
  /** The processes that forward; empty where the kernel does. */
  readonly switchPids: readonly number[];
  /** Plugs further interfaces of one host in, up and silent, until the switch has so many ports. */
  readonly fill?: ((ports: number) => Promise<Host>) | undefined;
  /** Where it has an HTTP API: its Unix socket, and the port that host b is at. */
  readonly api?: { socket: string; port: string } | undefined;
  /** Lets the switch hold so many addresses; where it is missing, it has no such setting. */
  readonly allowAddresses?: ((addresses: number) => Promise<void>) | undefined;
}

export interface Subject {
  readonly name: string;
  /** What it is, in one line. */
  readonly about: string;
  /** What the harness does for it beyond plugging in; null: nothing. */
  readonly help: string | null;
  readonly layouts: readonly Layout[];
  /** Whether the system may refuse it though all its programs are there: it is then set up once to see. */
  readonly mayBeRefused: boolean;
  /** Which of its programs or files is missing, and the Debian package that has it; null if none is. */
  missing(): string | null;
  /** Sets itself up; all that is to be undone goes onto the stack, also when it fails half-way. */
  setUp(bench: Bench, stack: AsyncDisposableStack, layout: Layout): Promise<Rig>;
}
