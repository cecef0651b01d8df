/**
 * The storm: plays random worlds on a switch and on the reference switch, and compares every frame that leaves, every drop
 * reason, the MAC table and the counters. A difference is reported with the shortest list of steps found that shows it.
 */
import type { PortConfig } from '../../src/shared/commands.ts';
import { Random } from './random.ts';
import { type Copy, type Entry, type Filter, type Outcome, ReferenceSwitch } from './reference-switch.ts';
import { canonical, Difference, frameText, hex, story } from './story.ts';
import { makeWorld, type Stage, type Step, type World } from './worlds.ts';

export interface PortCounts {
  rx: number;
  tx: number;
  /** Frames dropped on their way in. */
  dropped: number;
  /** Copies dropped on their way out. */
  txDropped: number;
}

export interface Counts {
  forwarded: number;
  flooded: number;
  floodCopies: number;
  /** By drop reason; no zeros. */
  drops: Record<string, number>;
  ports: Record<string, PortCounts>;
}

type Awaitable<T> = T | Promise<T>;

/** A switch that the storm is played on. */
export interface Subject {
  configure(port: string, change: Partial<PortConfig>): Awaitable<void>;
  give(mac: string, vlan: number, port: string, kind: 'static' | 'sticky'): Awaitable<void>;
  forget(mac: string, vlan: number): Awaitable<void>;
  flush(filter: Filter): Awaitable<void>;
  reserved(n: number, forward: boolean): Awaitable<void>;
  wait(seconds: number, sweep: boolean): Awaitable<void>;
  /**
   * Sends frames into a port, and gives what left, by port.
   * @param copies that the reference switch sends, for a subject that must wait for them
   */
  send(port: string, frames: Uint8Array[], copies: number): Awaitable<Map<string, Uint8Array[]>>;
  entries(): Awaitable<Entry[]>;
  /** What was counted since the world began. */
  counts(): Awaitable<Counts>;
  close(): Awaitable<void>;
}

export interface StormOptions {
  seed: number;
  /** Frames to send at least. */
  frames: number;
  stage: Stage;
  /** A switch with these ports, on which nothing has happened yet. */
  open(world: World): Awaitable<Subject>;
  /** Plays of a failing world with steps left out, to find fewer that fail. */
  shrinkPlays?: number;
}

export interface StormResult {
  frames: number;
  worlds: number;
  /** How often each thing happened: drop reasons, `forwarded`, `flooded`. */
  happened: Record<string, number>;
}

/** Seed from the environment, or one of the moment. */
export function stormSeed(): number {
  return Number(process.env['TSWITCH_SEED'] ?? Date.now() % 2 ** 31);
}

/** Throws, with the story of it, at the first difference. */
export async function storm(options: StormOptions): Promise<StormResult> {
  const seeds = new Random(options.seed);
  const result: StormResult = { frames: 0, worlds: 0, happened: {} };
  const only = process.env['TSWITCH_WORLD'];
  while (only === undefined ? result.frames < options.frames : result.worlds <= Number(only)) {
    const world = makeWorld(seeds.int(2 ** 32), options.stage);
    if (only === undefined || result.worlds === Number(only)) {
      const difference = await play(world, options, result);
      if (difference) {
        const lines = await story(world, difference, (fewer) => play(fewer, options), options.shrinkPlays ?? 400);
        throw new Error(`${lines}\nreplay: TSWITCH_SEED=${options.seed} TSWITCH_WORLD=${result.worlds}`);
      }
    }
    result.worlds++;
  }
  return result;
}

/** Null if switch and reference switch did the same. */
async function play(world: World, options: StormOptions, result?: StormResult): Promise<Difference | null> {
  const game = new Game(world, await options.open(world));
  try {
    await game.play();
    if (result) {
      for (const [what, count] of Object.entries(game.happened)) {
        result.happened[what] = (result.happened[what] ?? 0) + count;
      }
      result.frames += game.frames;
    }
    return null;
  } catch (error) {
    if (error instanceof Difference) return error;
    throw error;
  } finally {
    await game.subject.close();
  }
}

/** One world on both switches. */
class Game {
  readonly subject: Subject;
  readonly happened: Record<string, number> = {};
  frames = 0;
  readonly #world: World;
  readonly #reference: ReferenceSwitch;
  readonly #counts: Counts;
  #at = 0;
  /** What the switch had after the frames that are just being judged. */
  #there = new Set<string>();

  constructor(world: World, subject: Subject) {
    this.#world = world;
    this.subject = subject;
    this.#reference = new ReferenceSwitch(world.ports, world.options, (candidates) => this.#evicted(candidates));
    const none: PortCounts = { rx: 0, tx: 0, dropped: 0, txDropped: 0 };
    const ports = Object.fromEntries(Object.keys(world.ports).map((name) => [name, { ...none }]));
    this.#counts = { forwarded: 0, flooded: 0, floodCopies: 0, drops: {}, ports };
  }

  async play(): Promise<void> {
    for (const step of this.#world.steps) {
      await this.#take(step);
      this.#same('MAC table', sorted(this.#reference.entries()), sorted(await this.subject.entries()));
      this.#at++;
    }
    this.#same('counters', this.#counts, await this.subject.counts());
  }

  async #take(step: Step): Promise<void> {
    const { subject } = this;
    const reference = this.#reference;
    switch (step.do) {
      case 'frames':
        return this.#send(step.port, step.frames);
      case 'configure':
        reference.configure(step.port, step.change);
        await subject.configure(step.port, step.change);
        if (step.change.blocked === undefined) return;
        reference.flush({ port: step.port });
        return subject.flush({ port: step.port });
      case 'give':
        if (!this.#isRoomFor(step.mac, step.vlan)) return;
        reference.give(step.mac, step.vlan, step.port, step.kind);
        return subject.give(step.mac, step.vlan, step.port, step.kind);
      case 'forget':
        if (!this.#isThere(step.mac, step.vlan)) return;
        reference.forget(step.mac, step.vlan);
        return subject.forget(step.mac, step.vlan);
      case 'flush':
        reference.flush(step.filter);
        return subject.flush(step.filter);
      case 'reserved':
        reference.reserved(step.n, step.forward);
        return subject.reserved(step.n, step.forward);
      case 'wait':
        reference.seconds += step.seconds;
        return subject.wait(step.seconds, step.sweep);
    }
  }

  async #send(port: string, frames: Uint8Array[]): Promise<void> {
    const { isTight } = this.#world;
    let outcomes = isTight ? [] : this.#outcomes(port, frames);
    const copies = outcomes.flatMap(copiesOf).length;
    const left = await this.subject.send(port, frames, copies);
    if (isTight) {
      this.#there = new Set(sorted(await this.subject.entries()));
      outcomes = this.#outcomes(port, frames);
    }
    const wanted = new Map<string, number[][]>();
    for (const copy of outcomes.flatMap(copiesOf)) {
      if ('bytes' in copy) wanted.set(copy.port, [...(wanted.get(copy.port) ?? []), copy.bytes]);
    }
    const reasons = outcomes.map((outcome) => (outcome.kind === 'dropped' ? outcome.reason : outcome.kind));
    for (const name of this.#reference.ports.keys()) {
      const what = `what leaves ${name} (${reasons.join(', ')})`;
      this.#same(what, byFlow(wanted.get(name)), byFlow(left.get(name)), frameText);
    }
    const { drops } = await this.subject.counts();
    this.#same(`drops by reason, after ${reasons.join(', ')}`, this.#counts.drops, drops);
  }

  #outcomes(port: string, frames: Uint8Array[]): Outcome[] {
    return frames.map((bytes) => {
      const outcome = this.#reference.receive(port, [...bytes]);
      this.#count(port, outcome);
      return outcome;
    });
  }

  #count(port: string, outcome: Outcome): void {
    const counts = this.#counts;
    this.frames++;
    counts.ports[port]!.rx++;
    this.#happens(outcome.kind === 'dropped' ? outcome.reason : outcome.kind);
    if (outcome.kind === 'dropped') {
      counts.ports[port]!.dropped++;
      counts.drops[outcome.reason] = (counts.drops[outcome.reason] ?? 0) + 1;
      return;
    }
    counts[outcome.kind]++;
    if (outcome.kind === 'flooded') counts.floodCopies += outcome.copies.length;
    for (const copy of outcome.copies) {
      if ('bytes' in copy) {
        counts.ports[copy.port]!.tx++;
      } else {
        counts.ports[copy.port]!.txDropped++;
        counts.drops[copy.drop] = (counts.drops[copy.drop] ?? 0) + 1;
        this.#happens(copy.drop);
      }
    }
  }

  #happens(what: string): void {
    this.happened[what] = (this.happened[what] ?? 0) + 1;
  }

  /** The one of the candidates that the switch no longer has. */
  #evicted(candidates: Entry[]): Entry {
    this.#happens('evicted');
    const gone = candidates.find((entry) => !this.#there.has(line(entry)));
    return gone ?? candidates[0]!;
  }

  #isThere(mac: string, vlan: number): boolean {
    return this.#reference.entries().some((entry) => entry.mac === mac && entry.vlan === vlan);
  }

  #isRoomFor(mac: string, vlan: number): boolean {
    return this.#isThere(mac, vlan) || this.#reference.entries().length < this.#world.options.fdbLimit;
  }

  #same<T>(what: string, expected: T, actual: T, text: (value: T) => string = canonical): void {
    if (canonical(expected) === canonical(actual)) return;
    throw new Difference(this.#at, `${what}\n  expected ${text(expected)}\n  actual   ${text(actual)}`);
  }
}

function copiesOf(outcome: Outcome): Copy[] {
  return outcome.kind === 'dropped' ? [] : outcome.copies;
}

function line({ mac, vlan, port, kind }: Entry): string {
  return `${mac} ${vlan} ${port} ${kind}`;
}

function sorted(entries: Entry[]): string[] {
  return entries.map(line).sort();
}

/** In hex; frames with the same addresses and outer tag in the order in which they left, others in any. */
function byFlow(frames: ArrayLike<number>[] = []): string[] {
  const flow = (frame: string): string => frame.slice(0, 2 * 16);
  return frames.map(hex).sort((a, b) => (flow(a) < flow(b) ? -1 : flow(a) > flow(b) ? 1 : 0));
}
