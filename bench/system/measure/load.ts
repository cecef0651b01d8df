/** The generator as the harness sees it: frames from one host to another, or between several, through a rig. */
import { setTimeout as sleep } from 'node:timers/promises';
import { programFile } from '../../../src/program-file.ts';
import { Child } from '../child.ts';
import { onCore } from '../command.ts';
import { type Host, interfaceIndex, readCounters } from '../hosts.ts';
import { type Bench, type Rig, TRUNK_VLAN } from '../subject.ts';
import type { AddressRange, FrameMix } from './burst.ts';
import type { GeneratorCommand, GeneratorResult, GeneratorTask, Phase, Place } from './generator.ts';
import { LOAD_PORT, PROBE_PORT, sizesOf, type Way } from './test-frame.ts';

const PROGRAM = programFile(import.meta.url, 'generator');
/** TEST-NET-2 (RFC 5737): no host has a route to it, so stacks drop the frames early and without an answer. */
const NOWHERE = '198.51.100.1';
/** Over the time asked for: nobody waits longer for a generator. */
const SPARE_MS = 15_000;
const DRAIN_STEP_MS = 20;
const DRAIN_STEPS_MAX = 50;

export interface LoadOptions {
  /** As RFC 2544 counts, or 'imix'. Default 64. */
  frameBytes?: number | string;
  flows?: number;
  /** Which hosts send to which; default: a to b. */
  ways?: readonly (readonly [Host, Host])[];
  /** In place of the hosts' addresses: a destination MAC for all ways, or an IP address somebody listens at. */
  destinationMac?: string;
  sourceMac?: string;
  destinationAddress?: string;
  /** Written into the frames of every sender, in place of what the ways say. */
  addresses?: AddressRange;
  /** Frames from the first way's host to its destination whose latency is measured. */
  probes?: boolean;
}

export class Load implements AsyncDisposable {
  readonly #child: Child;
  readonly #signal: AbortSignal;
  readonly #addresses: AddressRange | null;
  #commands = 0;

  private constructor(child: Child, signal: AbortSignal, addresses: AddressRange | null) {
    this.#child = child;
    this.#signal = signal;
    this.#addresses = addresses;
  }

  /** Starts the generator, which sends nothing yet. */
  static async start(bench: Bench, rig: Rig, options: LoadOptions = {}): Promise<Load> {
    const task = await makeTask(rig, options);
    const child = Child.start(onCore(bench.generatorCore, [process.execPath, PROGRAM, JSON.stringify(task)]));
    try {
      await child.printed(/^ready$/m, bench.signal);
      return new Load(child, bench.signal, options.addresses ?? null);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Begins to send. @returns when the first frames are out */
  async begin(phases: Phase[], more: Partial<GeneratorCommand> = {}): Promise<void> {
    const command: GeneratorCommand = { probesPerSecond: 0, addresses: this.#addresses, ...more, phases };
    this.#child.write(`${JSON.stringify(command)}\n`);
    await this.#child.printed(new RegExp(`^sending ${++this.#commands}\\n`, 'm'), this.#signal);
  }

  /** Waits for what was begun to end. */
  async end(secondsMax: number): Promise<GeneratorResult> {
    const pattern = new RegExp(`^done ${this.#commands} (.*)\\n`, 'm');
    const [, json = ''] = await this.#child.printed(pattern, this.#signal, secondsMax * 1000 + SPARE_MS);
    return JSON.parse(json) as GeneratorResult;
  }

  async send(phases: Phase[], more: Partial<GeneratorCommand> = {}): Promise<GeneratorResult> {
    await this.begin(phases, more);
    return this.end(phases.reduce((sum, { secondsMax }) => sum + secondsMax, 0));
  }

  /** @throws Error if the generator ended, or has nothing to send any more */
  assertSending(): void {
    this.#child.assertRunning();
    if (this.#child.hasPrinted(`done ${this.#commands} `)) throw new Error('the load ended before the window did');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** At a rate, for a time. @param framesPerSecond null: as many as one core can */
export function phase(framesPerSecond: number | null, secondsMax: number): Phase {
  return { framesPerSecond, secondsMax, frames: null };
}

/** Waits until nothing arrives at the hosts any more: what was under way is counted then. @returns frames received, together */
export async function drained(hosts: readonly Host[], signal: AbortSignal): Promise<number> {
  let before = -1;
  for (let step = 0; step < DRAIN_STEPS_MAX; step++) {
    const now = receivedBy(hosts);
    if (now === before) return now;
    before = now;
    await sleep(DRAIN_STEP_MS, undefined, { signal });
  }
  throw new Error('frames still arrive, though nobody sends any');
}

export function receivedBy(hosts: readonly Host[]): number {
  return hosts.reduce((sum, host) => sum + readCounters(host).received, 0);
}

async function makeTask(rig: Rig, options: LoadOptions): Promise<GeneratorTask> {
  const { flows = 1, ways = [[rig.a, rig.b]], frameBytes = 64 } = options;
  const vlan = rig.layout === 'trunk' ? TRUNK_VLAN : null;
  const sizes = sizesOf(frameBytes);
  const senders = await Promise.all(
    [...new Set(ways.map(([from]) => from))].map(async (from) => {
      const own = ways.filter(([host]) => host === from).map(([, to]) => wayOf(from, to, LOAD_PORT, options));
      return { from: await placeOf(from), mix: { ways: own, flows, sizes, vlan } satisfies FrameMix };
    }),
  );
  if (options.probes !== true) return { senders, probes: null };
  const [from, to] = ways[0]!;
  const mix = { ways: [wayOf(from, to, PROBE_PORT, options)], flows: 1, sizes: sizes.slice(0, 1), vlan };
  return { senders, probes: { from: await placeOf(from), mix, to: await placeOf(to) } };
}

function wayOf(from: Host, to: Host, destinationPort: number, options: LoadOptions): Way {
  return {
    sourceMac: options.sourceMac ?? from.mac,
    destinationMac: options.destinationMac ?? to.mac,
    sourceAddress: from.address,
    destinationAddress: options.destinationAddress ?? NOWHERE,
    destinationPort,
  };
}

async function placeOf(host: Host): Promise<Place> {
  return { netns: host.netns, interfaceIndex: await interfaceIndex(host) };
}
