/**
 * Events: what happened to ports, tables and workers, for whoever listens now (GET /v1/events) and nobody else. None is
 * raised per frame; those that frames cause are limited in rate where they arise, in the workers.
 */
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
  /** FDB events that were too many to be told; data: count. */
  'fdb.suppressed',
  'worker.restarted',
  /** A document was applied; data: generation, actions, confirmUntil. */
  'config.applied',
  /** One that was to be confirmed was, or was not in time and is taken back; data: generation, and failed: what could not be. */
  'config.confirmed',
  'config.rolled-back',
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

export interface SwitchEvent {
  event: EventName;
  /** RFC 3339, UTC. */
  time: string;
  port?: string;
  [field: string]: unknown;
}

export type EventListener = (event: SwitchEvent) => void;

export class EventBus {
  readonly #listeners = new Set<EventListener>();
  readonly #observers = new Set<EventListener>();

  /** Whether anybody listens: what is costly to tell need not be told else. */
  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  emit(event: EventName, data: { port?: string; [field: string]: unknown } = {}): SwitchEvent {
    const told = { event, time: new Date().toISOString(), ...data };
    for (const observer of this.#observers) observer(told);
    for (const listener of this.#listeners) listener(told);
    return told;
  }

  /** For parts of the control plane itself, for whom alone no event need be raised. @returns what ends it */
  observe(observer: EventListener): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** @returns what ends the subscription */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
