/**
 * Events: what happened to ports, tables and workers, for whoever listens (GET /v1/events), and for a while for who comes back
 * after an interruption. None is raised per frame; those that frames cause are limited in rate where they arise, in the
 * workers.
 */
import { randomBytes } from 'node:crypto';

export const EVENT_NAMES = [
  'port.added',
  'port.removed',
  'port.up',
  'port.down',
  'port.lost',
  'fdb.learned',
  'fdb.moved',
  'fdb.aged',
  /** An address moved to and fro too often and is held on one port; data: mac, vlan, ports, moves, until. */
  'fdb.held',
  /** More frames were to be flooded than the port's limit allows; data: class, limit, dropped. */
  'storm.started',
  'storm.ended',
  /** A probe came back: the port is blocked; data: peer, until. */
  'loop.found',
  'loop.cleared',
  /** A port is not mirrored any more, though nobody asked for that; data: target, reason. */
  'mirror.ended',
  /** FDB events that were too many to be told; data: count. */
  'fdb.suppressed',
  'worker.restarted',
  /** A logic is asked from now on, live or in shadow; data: logic, state, file. And: no more; data: logic, state, reason, fault. */
  'logic.loaded',
  'logic.unloaded',
  /** One that was kept cannot be loaded any more, so its frames are left to the others; data: logic, state, file, reason. */
  'logic.missing',
  /** Parameters or scope are others now; data: logic, state, params. */
  'logic.changed',
  /** The one in shadow is live now, or the one before it again; data: logic. */
  'logic.promoted',
  'logic.rolled-back',
  /** A logic failed, and its batch was left to the others; data: logic, state, fault (with stack, frame and port). */
  'logic.fault',
  /** A document was applied; data: generation, actions, confirmUntil. */
  'config.applied',
  /** One that was to be confirmed was, or was not in time and is taken back; data: generation, and failed: what could not be. */
  'config.confirmed',
  'config.rolled-back',
  /** A file of the kept state is damaged and was set aside, and the last good state is used; data: notice. */
  'state.damaged',
  /** A change could not be kept, and was undone; data: reason. */
  'state.failed',
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

/** Told to one listener alone: events before this one are missing. */
export const GAP = 'gap';

export interface SwitchEvent {
  event: EventName | typeof GAP;
  /** RFC 3339, UTC. */
  time: string;
  port?: string;
  [field: string]: unknown;
}

/** @param sequence number of the event since the daemon started, from 1 */
export type EventListener = (event: SwitchEvent, sequence: number) => void;

/** Events that are kept for who comes back after an interruption. */
export const EVENTS_KEPT_MAX = 1000;
/** For so long after the last listener left, all is told as if somebody listened, so that who comes back misses nothing. */
const RETURN_MS_MAX = 60_000;

/** What has happened since some event. */
export interface Past {
  /** Each with its number. */
  events: [SwitchEvent, number][];
  /** Why there may be more than these, or null: that is all. */
  gap: SwitchEvent | null;
}

export class EventBus {
  /** Tells this run of the daemon from others: its numbers mean nothing to them. */
  readonly boot = randomBytes(6).toString('hex');
  readonly #listeners = new Set<EventListener>();
  readonly #observers = new Set<EventListener>();
  readonly #kept: SwitchEvent[] = [];
  #sequence = 0;
  #heardUntilMs = 0;
  /** The newest event when something was left untold because nobody listened; -1: never. */
  #untoldAfter = -1;

  /** Whether anybody listens, or did until lately: what is costly to tell need not be told else. */
  get isHeard(): boolean {
    if (this.#listeners.size > 0 || performance.now() < this.#heardUntilMs) return true;
    this.#untoldAfter = this.#sequence;
    return false;
  }

  /** Number of the newest event; 0: there was none. */
  get sequence(): number {
    return this.#sequence;
  }

  emit(event: EventName, data: { port?: string; [field: string]: unknown } = {}): SwitchEvent {
    const told: SwitchEvent = { event, time: new Date().toISOString(), ...data };
    this.#sequence++;
    this.#kept.push(told);
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
    for (const observer of this.#observers) observer(told, this.#sequence);
    for (const listener of this.#listeners) listener(told, this.#sequence);
    return told;
  }

  /** What happened since the event with this number, of the run `boot`. */
  since(boot: string, sequence: number): Past {
    if (boot !== this.boot || sequence > this.#sequence) return { events: [], gap: gap('restarted', null) };
    const first = this.#sequence - this.#kept.length + 1;
    const begin = Math.max(sequence + 1, first);
    const events = this.#kept.slice(begin - first).map((event, at): [SwitchEvent, number] => [event, begin + at]);
    const missed = begin - sequence - 1;
    if (missed > 0) return { events, gap: gap('too-many', missed) };
    return { events, gap: sequence <= this.#untoldAfter ? gap('unheard', null) : null };
  }

  /** For parts of the control plane itself, for whom alone no event need be raised. @returns what ends it */
  observe(observer: EventListener): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** @returns what ends the subscription */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      if (this.#listeners.delete(listener)) this.#heardUntilMs = performance.now() + RETURN_MS_MAX;
    };
  }
}

/**
 * @param reason `too-many`: more than are kept; `restarted`: the number is another run's; `unheard`: nobody listened for so
 *   long that FDB events were not told
 * @param missed how many, of all names; null: nobody knows
 */
function gap(reason: 'too-many' | 'restarted' | 'unheard', missed: number | null): SwitchEvent {
  return { event: GAP, time: new Date().toISOString(), reason, missed };
}
