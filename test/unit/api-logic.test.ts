/** /v1/logic: what it takes, what it refuses, and that code is loaded over TCP only where that was allowed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, serveApi } from '../../src/api/server.ts';
import { TokenStore } from '../../src/api/tokens.ts';
import { apiClient } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-api-logic-'));
const socket = join(folder, 'api.sock');
const tokens = new TokenStore(join(folder, 'tokens.json'));
const { token: full } = tokens.add('full');
const { token: loader } = tokens.add('loader', { logic: true });
const { send, get, post } = apiClient(socket);
let api: Api;

beforeAll(async () => {
  const tcp = { listen: '127.0.0.1:0', tokens };
  api = await serveApi(fakeControl(), { socket, tokens, tcp });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

test('load, show, change, diff, promote, roll back, unload', async () => {
  const loaded = await post('/v1/logic', { file: '/x/filter.ts', shadow: true, vlans: [10], params: { limit: 5 } });
  expect(loaded).toMatchObject({ status: 201, body: { name: 'filter', live: null, shadow: { params: { limit: 5 } } } });
  expect(loaded.headers.location).toBe('/v1/logic/filter');
  expect(await get('/v1/logic/filter/diff')).toMatchObject({ status: 200, body: { compared: 200, different: 3 } });
  expect(await post('/v1/logic/filter/promote', {})).toMatchObject({
    body: { live: { file: '/x/filter.ts' }, shadow: null },
  });
  await post('/v1/logic', { file: '/y/filter.ts' });
  expect(await send('PATCH', '/v1/logic/filter', '{"params":{"limit":7}}')).toMatchObject({
    body: { live: { file: '/y/filter.ts', params: { limit: 7 } } },
  });
  expect(await post('/v1/logic/filter/rollback', {})).toMatchObject({ body: { live: { file: '/x/filter.ts' } } });
  expect(await get('/v1/logic')).toMatchObject({ body: { logics: [{ name: 'filter' }] } });
  expect((await send('DELETE', '/v1/logic/filter?shadow=true')).status).toBe(204);
  expect((await send('DELETE', '/v1/logic/filter')).status).toBe(204);
  expect(await get('/v1/logic')).toMatchObject({ body: { logics: [] } });
});

test.each([
  [{}, /file: is missing/],
  [{ file: 5 }, /file: must be the path/],
  [{ file: '/x.ts', vlans: [0] }, /vlans.0: must be a whole number/],
  [{ file: '/x.ts', ports: ['a b'] }, /ports.0: must be a port name/],
  [{ file: '/x.ts', params: 5 }, /params: must be an object/],
  [{ file: '/x.ts', source: 'x' }, /unknown field "source"/],
])('%j is refused', async (body, message) => {
  expect(await post('/v1/logic', body)).toMatchObject({
    status: 400,
    body: { error: { code: 'BAD_REQUEST', message: expect.stringMatching(message) } },
  });
});

test('what is not there, and what is broken', async () => {
  expect(await get('/v1/logic/gone')).toMatchObject({ status: 404, body: { error: { code: 'LOGIC_NOT_FOUND' } } });
  expect(await get('/v1/logic/No')).toMatchObject({ status: 400 });
  expect(await post('/v1/logic', { file: '/x/broken.ts' })).toMatchObject({
    status: 422,
    body: { error: { code: 'LOGIC_REFUSED', details: { stack: null } } },
  });
});

describe('over TCP', () => {
  const ask = async (
    url: string,
    method: string,
    path: string,
    { as = full, body = { file: '/x/filter.ts' } }: { as?: string; body?: object } = {},
  ): Promise<[number, string | undefined]> => {
    const headers = { Authorization: `Bearer ${as}`, 'Content-Type': 'application/json' };
    const hasBody = method === 'POST' || method === 'PUT';
    const response = await fetch(new URL(path, url), { method, headers, body: hasBody ? JSON.stringify(body) : null });
    const answer = (await response.json()) as { error?: { code: string } };
    return [response.status, answer.error?.code];
  };

  test('logics can be looked at, but not changed, with a full token', async () => {
    expect(await ask(api.url!, 'GET', '/v1/logic')).toEqual([200, undefined]);
    for (const path of ['/v1/logic', '/v1/%6cogic', '/v1/logic/x/promote', '/v1/logic/x/rollback']) {
      expect(await ask(api.url!, 'POST', path), path).toEqual([403, 'LOGIC_NOT_PERMITTED']);
    }
    expect(await ask(api.url!, 'DELETE', '/v1/logic/x')).toEqual([403, 'LOGIC_NOT_PERMITTED']);
    expect(await ask(api.url!, 'POST', '/v1//logic/../logic')).toEqual([404, 'ROUTE_NOT_FOUND']);
  });

  test('a document may not change them either, nor ask whether it could', async () => {
    const put = (body: object, as?: string, query = '') =>
      ask(api.url!, 'PUT', `/v1/config${query}`, { body, ...(as === undefined ? {} : { as }) });
    const loaded = { ports: [], logics: [{ file: '/x/one.ts' }] };
    expect(await put(loaded)).toEqual([403, 'LOGIC_NOT_PERMITTED']);
    expect(await put(loaded, undefined, '?dryRun=true')).toEqual([403, 'LOGIC_NOT_PERMITTED']);
    expect(await put(loaded, loader)).toEqual([200, undefined]);
    expect(await put({ ports: [] })).toEqual([200, undefined]);
    const { body: document } = await get<{ logics: { name: string }[] }>('/v1/config');
    expect(document.logics.map(({ name }) => name)).toEqual(['one']);
    expect(await put(document)).toEqual([200, undefined]);
    expect(await put({ ports: [], logics: [] })).toEqual([403, 'LOGIC_NOT_PERMITTED']);
    expect(await put({ ports: [], logics: [] }, loader)).toEqual([200, undefined]);
    expect(await get('/v1/config')).not.toHaveProperty('body.logics');
  });

  test('a token may have that permission, if it may change anything', async () => {
    expect(await ask(api.url!, 'POST', '/v1/logic', { as: loader })).toEqual([201, undefined]);
    expect(await ask(api.url!, 'POST', '/v1/logic/filter/promote', { as: loader })).toEqual([404, 'LOGIC_NOT_FOUND']);
    expect(await post('/v1/tokens', { name: 'both', readOnly: true, logic: true })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(/a token that may only read loads no logics/) } },
    });
  });

  test('any full token has it where the daemon was started so, which it is not without tokens', async () => {
    const tcp = { listen: '127.0.0.1:0', tokens, allowLogic: true };
    const other = await serveApi(fakeControl(), { socket: join(folder, 'other.sock'), tokens, tcp });
    try {
      expect(await ask(other.url!, 'POST', '/v1/logic')).toEqual([201, undefined]);
    } finally {
      await other.close();
    }
    const unsafe = serveApi(fakeControl(), { socket: join(folder, 'x.sock'), tcp: { ...tcp, tokens: null } });
    await expect(unsafe).rejects.toThrow(/--allow-logic-over-tcp lets whoever connects run code as the daemon/);
  });
});
