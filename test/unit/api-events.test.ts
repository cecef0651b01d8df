/** GET /v1/events: what a client gets, and that no client can make the daemon keep memory or subscriptions for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventRoutes, EVENTS_WAITING_MAX } from '../../src/api/routes/events.ts';
import { serveApi } from '../../src/api/server.ts';
import { EventBus, EVENTS_KEPT_MAX } from '../../src/control/events.ts';
import type { EventListener } from '../../src/control/events.ts';
import { apiClient, refusal } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';

/** Counts who listens. */
class CountedBus extends EventBus {
  listeners = 0;

  override subscribe(listener: EventListener): () => void {
    this.listeners++;
    const unsubscribe = super.subscribe(listener);
    return () => {
      this.listeners--;
      unsubscribe();
    };
  }
}

const folder = mkdtempSync(join(tmpdir(), 'tswitch-api-'));
const socket = join(folder, 'api.sock');
const { send, get } = apiClient(socket);
const events = new CountedBus();
const faults: Error[] = [];
let api: { close(): Promise<void> };

beforeAll(async () => {
  api = await serveApi({ ...fakeControl(), events }, { socket, report: (error) => faults.push(error) });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
  expect(faults).toEqual([]);
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1000) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A client of the stream on `path`, with what it read so far. */
class Listening {
  text = '';
  ended = false;
  readonly response: IncomingMessage;

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
    response.on('end', () => (this.ended = true)).on('error', () => {});
  }

  static open(path = '/v1/events', on = socket): Promise<Listening> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: on, path, headers: { host: 'localhost' }, agent: false });
      sent.on('response', (response) => resolve(new Listening(response))).on('error', reject);
      sent.end();
    });
  }

  blocks(): string[] {
    return this.text.split('\n\n').slice(0, -1);
  }
}

test('a client is told at once that it listens, and then every event in order', async () => {
  const client = await Listening.open();
  expect(client.response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  await until(() => client.blocks().length === 1);
  expect(client.blocks()).toEqual([`: tswitch\nid: ${events.boot}-0`]);
  const told = events.emit('port.lost', { port: 'red', reason: 'two\nlines' });
  events.emit('fdb.suppressed', { count: 7 });
  await until(() => client.blocks().length === 3);
  expect(client.blocks()[1]).toBe(`event: port.lost\ndata: ${JSON.stringify(told)}\nid: ${events.boot}-1`);
  expect(client.blocks()[2]).toMatch(
    /^event: fdb\.suppressed\ndata: \{"event":"fdb\.suppressed","time":".*","count":7\}\nid: .*-2$/,
  );
  client.response.destroy();
  await until(() => events.listeners === 0);
});

test('names choose', async () => {
  const client = await Listening.open('/v1/events?name=port.up&name=port.down');
  const single = await Listening.open('/v1/events?name=port.lost');
  await until(() => client.blocks().length === 1 && single.blocks().length === 1);
  for (const event of ['port.lost', 'port.up', 'fdb.aged', 'port.down'] as const) events.emit(event);
  await until(() => client.blocks().length === 3 && single.blocks().length === 2);
  expect(client.blocks().map((block) => block.split('\n')[0])).toEqual([
    ': tswitch',
    'event: port.up',
    'event: port.down',
  ]);
  expect(single.blocks()[1]).toMatch(/^event: port\.lost\n/);
  for (const { response } of [client, single]) response.destroy();
  await until(() => events.listeners === 0);
});

test.each([
  ['name=port.gone', /name: must be one of port\.added, port\.removed/],
  ['name=', /name: must be one of/],
  ['name=port.up&name=x', /name/],
  ['since=1', /unknown field "since"; allowed: name/],
])('?%s is refused', async (query, sentence) => {
  const [status, code, message] = await refusal(get(`/v1/events?${query}`));
  expect([status, code]).toEqual([400, 'BAD_REQUEST']);
  expect(message).toMatch(sentence);
});

test('HEAD answers and leaves nothing behind; other methods are refused', async () => {
  const { status, headers } = await send('HEAD', '/v1/events');
  expect([status, headers['content-type']]).toEqual([200, 'text/event-stream']);
  expect(events.listeners).toBe(0);
  expect((await refusal(send('POST', '/v1/events', '{}')))[1]).toBe('METHOD_NOT_ALLOWED');
});

test('a client that reads nothing gets what waited, is told, and is let go', async () => {
  const bus = new CountedBus();
  const ended = new AbortController();
  const { body } = await eventRoutes(bus, { ended: ended.signal }).request('/v1/events');
  await until(() => bus.listeners === 1);
  const emitted = 3 * EVENTS_WAITING_MAX;
  for (let n = 0; n < emitted; n++) bus.emit('fdb.learned', { n });
  const text = await new Response(body).text();
  const numbers = Array.from(text.matchAll(/"n":(\d+)/g), ([, n]) => Number(n));
  // One more than wait may be on its way already.
  expect(numbers.length - EVENTS_WAITING_MAX).toBeOneOf([0, 1]);
  expect(numbers).toEqual(numbers.map((_, index) => index));
  expect(text).toMatch(/\n\n: end: too slow, events were lost\n\n$/);
  expect(bus.listeners).toBe(0);
});

test('a client that is fast enough gets more than may wait', async () => {
  const client = await Listening.open();
  for (let n = 0; n < 3 * EVENTS_WAITING_MAX; n++) {
    events.emit('fdb.learned', { n });
    if (n % 500 === 499) await until(() => client.text.includes(`"n":${n}}`));
  }
  expect(client.blocks()).toHaveLength(1 + 3 * EVENTS_WAITING_MAX);
  client.response.destroy();
  await until(() => events.listeners === 0);
});

test('silence is broken by comments', async () => {
  const bus = new CountedBus();
  const ended = new AbortController();
  const { body } = await eventRoutes(bus, { ended: ended.signal, keepAliveMs: 10 }).request('/v1/events');
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split(': tswitch').length > 3) ended.abort();
  }
  expect(text).toMatch(/^: tswitch\nid: [0-9a-f]+-0\n\n(: tswitch\n\n){2,}: end: the daemon ends\n\n$/);
  expect(bus.listeners).toBe(0);
});

test('the end of the daemon ends every stream, also one that nobody reads', async () => {
  const path = join(folder, 'ending.sock');
  const bus = new CountedBus();
  const server = await serveApi({ ...fakeControl(), events: bus }, { socket: path });
  const client = await Listening.open('/v1/events', path);
  const stuck = await Listening.open('/v1/events', path);
  stuck.response.pause();
  await until(() => bus.listeners === 2 && client.blocks().length === 1);
  for (let n = 0; n < EVENTS_WAITING_MAX; n++) bus.emit('fdb.learned', { n, padding: 'x'.repeat(1000) });
  await until(() => client.text.includes(`"n":${EVENTS_WAITING_MAX - 1}`));
  await server.close();
  await until(() => client.ended);
  expect(client.text).toMatch(/: end: the daemon ends\n\n$/);
  await until(() => bus.listeners === 0);
});

describe('a client that comes back', () => {
  const ended = new AbortController();
  afterAll(() => ended.abort());

  /** What the stream begins with for a client whose last event was `lastId`, up to its newest event. */
  async function resumed(bus: EventBus, lastId: string, query = ''): Promise<string[]> {
    const app = eventRoutes(bus, { ended: ended.signal });
    const response = await app.request(`/v1/events${query}`, { headers: { 'Last-Event-ID': lastId } });
    const marker = bus.emit('config.applied', { marker: true });
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes(JSON.stringify(marker))) break;
    }
    return text
      .split('\n\n')
      .filter((block) => block.startsWith('event:') && !block.includes('marker'))
      .map((block) => block.replaceAll(/"time":"[^"]*",?/g, ''));
  }

  /** A bus that was heard all the time, with so many events. */
  function busOf(count: number): EventBus {
    const bus = new EventBus();
    for (let n = 1; n <= count; n++) bus.emit(n % 2 ? 'port.up' : 'port.down', { n });
    return bus;
  }

  test('gets what it missed, each once, in order, with the same ids', async () => {
    const bus = busOf(5);
    const told = (n: number, name: string): string =>
      `event: ${name}\ndata: {"event":"${name}","n":${n}}\nid: ${bus.boot}-${n}`;
    expect(await resumed(bus, `${bus.boot}-3`)).toEqual([told(4, 'port.down'), told(5, 'port.up')]);
    expect(await resumed(bus, `${bus.boot}-0`, '?name=port.down&name=config.applied')).toEqual([
      told(2, 'port.down'),
      told(4, 'port.down'),
    ]);
    expect(await resumed(bus, `${bus.boot}-${bus.sequence}`)).toEqual([]);
  });

  test('is told how many are lost, if there were more than are kept', async () => {
    const bus = busOf(EVENTS_KEPT_MAX + 10);
    const [gap, ...rest] = await resumed(bus, `${bus.boot}-2`, '?name=port.down&name=config.applied');
    // One more went for the marker.
    expect(gap).toBe('event: gap\ndata: {"event":"gap","reason":"too-many","missed":8}');
    expect(rest).toHaveLength(EVENTS_KEPT_MAX / 2);
  });

  test.each(['feed-3', 'nonsense', '-1', ''])('with an id of another run (%j) is told so', async (lastId) => {
    const [gap, ...rest] = await resumed(busOf(3), lastId);
    expect([gap, rest]).toEqual(['event: gap\ndata: {"event":"gap","reason":"restarted","missed":null}', []]);
  });

  test('and an id from the future is not believed', async () => {
    const bus = busOf(3);
    expect((await resumed(bus, `${bus.boot}-4`))[0]).toMatch(/"reason":"restarted"/);
  });

  test('is told where FDB events were not raised because nobody listened', async () => {
    const bus = busOf(3);
    expect(bus.isHeard).toBe(false);
    bus.emit('port.up', { n: 4 });
    const gap = 'event: gap\ndata: {"event":"gap","reason":"unheard","missed":null}';
    expect((await resumed(bus, `${bus.boot}-3`))[0]).toBe(gap);
    expect((await resumed(bus, `${bus.boot}-4`))[0]).not.toBe(gap);
    const unsubscribe = bus.subscribe(() => {});
    unsubscribe();
    expect(bus.isHeard).toBe(true);
  });
});
