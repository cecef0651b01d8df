/**
 * GET /v1/events: what happens, as it happens, as server-sent events (WHATWG HTML, 9.2). What a client is slow to take
 * waits, but only so much: then its stream ends, so that a client knows that it missed something, and memory is bounded.
 * A client that comes back with the id of the last event it got is first told what it missed, or that this is not known.
 */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import type { SSEStreamingApi } from 'hono/streaming';
import { EVENTS_KEPT_MAX, GAP } from '../../control/events.ts';
import type { EventBus, Past, SwitchEvent } from '../../control/events.ts';
import { eventHeaders, eventQuery } from '../schemas/event.ts';
import { errors } from './responses.ts';

/** Events that may wait for one client. */
export const EVENTS_WAITING_MAX = 1000;
const KEEP_ALIVE_MS = 15_000;

const comment = (text: string): string => `: ${text}\n\n`;

const tellEvents = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'Listen to events',
  description: `A stream of server-sent events that begins with a comment and goes on until the client or the daemon ends it; every ${KEEP_ALIVE_MS / 1000} seconds without an event bring a comment too. \`event\` is the name and \`data\` the JSON of the event. A client with more than ${EVENTS_WAITING_MAX} events waiting has its stream ended, with a last comment that says so. Each event has an \`id\`; a client that gives the last one it got as \`Last-Event-ID\` gets first what happened since, up to ${EVENTS_KEPT_MAX} events. If there may have been more, an event \`${GAP}\` comes before them, whatever the names asked for: its \`missed\` says how many events of all names are lost, or null where nobody knows; its \`reason\` is \`too-many\`, \`restarted\` (the id is of an earlier run of the daemon) or \`unheard\` (nobody listened for more than a minute, and FDB events were not raised).`,
  tags: ['events'],
  request: { query: eventQuery, headers: eventHeaders },
  responses: {
    200: {
      description: 'Events as they happen; `data` of each is an Event.',
      content: {
        'text/event-stream': {
          schema: z
            .string()
            .openapi({ example: 'id: 5f3a90c1d2e4-17\nevent: port.up\ndata: {"event":"port.up","port":"red"}\n\n' }),
        },
      },
    },
    ...errors('BAD_REQUEST'),
  },
});

export interface EventOptions {
  /** Ends all streams when it is aborted. */
  ended: AbortSignal;
  keepAliveMs?: number;
}

export function eventRoutes(events: EventBus, { ended, keepAliveMs = KEEP_ALIVE_MS }: EventOptions): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(tellEvents, (context) => {
    // HEAD comes here as well; nobody would read, and so end, its stream.
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'Content-Type': 'text/event-stream' });
    const { name: names } = context.req.valid('query');
    const { 'last-event-id': lastId } = context.req.valid('header');
    return streamSSE(context, (stream) => new Listener(stream, names).listen(events, lastId, ended, keepAliveMs));
  });
  return app;
}

function pastOf(events: EventBus, lastId: string | undefined): Past {
  if (lastId === undefined) return { events: [], gap: null };
  const [, boot = '', sequence] = /^([0-9a-f]+)-([0-9]{1,15})$/.exec(lastId) ?? [];
  return events.since(boot, Number(sequence ?? 0));
}

/** One client and the events that wait for it. */
class Listener {
  readonly #stream: SSEStreamingApi;
  readonly #names: ReadonlySet<string> | undefined;
  /** What happened before it came, then what happens. */
  #past: [SwitchEvent, number][] = [];
  readonly #waiting: [SwitchEvent, number][] = [];
  #isTooSlow = false;
  #wake = (): void => {};

  constructor(stream: SSEStreamingApi, names: ReadonlySet<string> | undefined) {
    this.#stream = stream;
    this.#names = names;
  }

  /** Until the client goes, falls behind, or `ended` is aborted. */
  async listen(events: EventBus, lastId: string | undefined, ended: AbortSignal, keepAliveMs: number): Promise<void> {
    const stream = this.#stream;
    const wake = (): void => this.#wake();
    const { boot, sequence } = events;
    const past = pastOf(events, lastId);
    this.#past = past.events.filter(([event]) => this.#isWanted(event));
    const unsubscribe = events.subscribe((event, number) => this.#take(event, number));
    stream.onAbort(wake);
    ended.addEventListener('abort', wake);
    try {
      // The id is where a client goes on that is interrupted before its first event.
      const begin = past.events[0]?.[1] ?? sequence + 1;
      await stream.write(`: tswitch\nid: ${boot}-${begin - 1}\n\n`);
      if (past.gap) await stream.writeSSE({ event: GAP, data: JSON.stringify(past.gap) });
      while (!stream.aborted && !ended.aborted) {
        const next = this.#past.shift() ?? this.#waiting.shift();
        if (next) await this.#tell(boot, ...next);
        else if (this.#isTooSlow) break;
        else if (!(await this.#isWoken(keepAliveMs))) await stream.write(comment('tswitch'));
      }
      await stream.write(comment(ended.aborted ? 'end: the daemon ends' : 'end: too slow, events were lost'));
    } finally {
      unsubscribe();
      ended.removeEventListener('abort', wake);
    }
  }

  #tell(boot: string, event: SwitchEvent, number: number): Promise<void> {
    return this.#stream.writeSSE({ id: `${boot}-${number}`, event: event.event, data: JSON.stringify(event) });
  }

  #isWanted({ event }: SwitchEvent): boolean {
    return this.#names?.has(event) ?? true;
  }

  #take(event: SwitchEvent, number: number): void {
    if (this.#isTooSlow || !this.#isWanted(event)) return;
    if (this.#waiting.length < EVENTS_WAITING_MAX) this.#waiting.push([event, number]);
    else this.#isTooSlow = true;
    this.#wake();
  }

  /** @returns false if nothing woke it in time */
  async #isWoken(withinMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), withinMs);
    this.#wake = () => resolve(true);
    const isWoken = await promise;
    clearTimeout(timer);
    return isWoken;
  }
}
