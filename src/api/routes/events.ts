/**
 * GET /v1/events: what happens, as it happens, as server-sent events (WHATWG HTML, 9.2). What a client is slow to take
 * waits, but only so much: then its stream ends, so that a client knows that it missed something, and memory is bounded.
 */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import type { SSEStreamingApi } from 'hono/streaming';
import type { EventBus, EventName, SwitchEvent } from '../../control/events.ts';
import { eventQuery } from '../schemas/event.ts';
import { errors } from './responses.ts';

/** Events that may wait for one client. */
export const EVENTS_WAITING_MAX = 1000;
const KEEP_ALIVE_MS = 15_000;

const comment = (text: string): string => `: ${text}\n\n`;

const tellEvents = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'Listen to events',
  description: `A stream of server-sent events that begins with a comment and goes on until the client or the daemon ends it; every ${KEEP_ALIVE_MS / 1000} seconds without an event bring a comment too. \`event\` is the name and \`data\` the JSON of the event. A client with more than ${EVENTS_WAITING_MAX} events waiting has its stream ended, with a last comment that says so.`,
  tags: ['events'],
  request: { query: eventQuery },
  responses: {
    200: {
      description: 'Events as they happen; `data` of each is an Event.',
      content: {
        'text/event-stream': {
          schema: z.string().openapi({ example: 'event: port.up\ndata: {"event":"port.up","port":"red"}\n\n' }),
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
    return streamSSE(context, (stream) => new Listener(stream, names).listen(events, ended, keepAliveMs));
  });
  return app;
}

/** One client and the events that wait for it. */
class Listener {
  readonly #stream: SSEStreamingApi;
  readonly #names: ReadonlySet<EventName> | undefined;
  readonly #waiting: SwitchEvent[] = [];
  #isTooSlow = false;
  #wake = (): void => {};

  constructor(stream: SSEStreamingApi, names: ReadonlySet<EventName> | undefined) {
    this.#stream = stream;
    this.#names = names;
  }

  /** Until the client goes, falls behind, or `ended` is aborted. */
  async listen(events: EventBus, ended: AbortSignal, keepAliveMs: number): Promise<void> {
    const stream = this.#stream;
    const wake = (): void => this.#wake();
    const unsubscribe = events.subscribe((event) => this.#take(event));
    stream.onAbort(wake);
    ended.addEventListener('abort', wake);
    try {
      await stream.write(comment('tswitch'));
      while (!stream.aborted && !ended.aborted) {
        const event = this.#waiting.shift();
        if (event) await stream.writeSSE({ event: event.event, data: JSON.stringify(event) });
        else if (this.#isTooSlow) break;
        else if (!(await this.#isWoken(keepAliveMs))) await stream.write(comment('tswitch'));
      }
      await stream.write(comment(ended.aborted ? 'end: the daemon ends' : 'end: too slow, events were lost'));
    } finally {
      unsubscribe();
      ended.removeEventListener('abort', wake);
    }
  }

  #take(event: SwitchEvent): void {
    if (this.#isTooSlow || (this.#names && !this.#names.has(event.event))) return;
    if (this.#waiting.length < EVENTS_WAITING_MAX) this.#waiting.push(event);
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
