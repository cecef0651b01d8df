/** The API over TCP: who may do what, that nobody else may change anything, and that slow or senseless clients hold up nobody. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import type { Api } from '../../src/api/server.ts';
import { TokenStore } from '../../src/api/tokens.ts';
import type { ErrorBody } from '../../src/api/errors.ts';
import { memoryStore } from '../../src/networks/document.ts';
import { Networks } from '../../src/networks/networks.ts';
import { type Log, SILENT } from '../../src/control/log.ts';
import { apiClient, refusal } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-tcp-'));
const socket = join(folder, 'api.sock');
const tokenFile = join(folder, 'tokens.json');
const tokens = new TokenStore(tokenFile);
const { token: full } = tokens.add('full');
const { token: readOnly } = tokens.add('reader', { readOnly: true });
const faults: Error[] = [];
let api: Api;
let port: number;

beforeAll(async () => {
  const tcp = { listen: '127.0.0.1:0', tokens, allowHosts: ['switch.example'] };
  const control = fakeControl();
  const networks = await Networks.start({
    control,
    store: memoryStore(),
    log: SILENT,
  });
  api = await serveApi(control, { socket, tokens, tcp, networks, report: (error) => faults.push(error) });
  port = Number(new URL(api.url!).port);
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
  expect(faults).toEqual([]);
});

interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

function send(method: string, path: string, headers: Record<string, string>, body?: string, to = port): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: to, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on('error', reject).end(body);
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const json = { 'content-type': 'application/json' };

function codeOf({ text }: Reply): string {
  return (JSON.parse(text) as ErrorBody).error.code;
}

describe('tokens', () => {
  test('decide who may do what', async () => {
    const body = '{"ageingSeconds":400}';
    expect((await send('PATCH', '/v1/switch', { ...bearer(full), ...json }, body)).status).toBe(200);
    expect((await send('GET', '/v1/switch', bearer(readOnly))).status).toBe(200);
    const refused = await send('PATCH', '/v1/switch', { ...bearer(readOnly), ...json }, body);
    expect([refused.status, codeOf(refused)]).toEqual([403, 'READ_ONLY_TOKEN']);
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="tswitch", error="insufficient_scope"');
    const none = await send('GET', '/v1/switch', {});
    expect([none.status, codeOf(none), none.headers['www-authenticate']]).toEqual([
      401,
      'UNAUTHORIZED',
      'Bearer realm="tswitch"',
    ]);
  });

  test.each([
    ['a wrong one', 'Bearer tsw_wrong'],
    ['one letter less', `Bearer ${full.slice(0, -1)}`],
    ['another scheme', `Basic ${full}`],
    ['the hash instead', `Bearer ${'0'.repeat(64)}`],
    ['nothing', 'Bearer '],
    ['two', `Bearer ${full} ${full}`],
  ])('%s is 401', async (_, authorization) => {
    const reply = await send('GET', '/v1/switch', { authorization });
    expect([reply.status, reply.headers['www-authenticate']]).toEqual([401, expect.stringMatching(/invalid_token/)]);
  });

  test('are managed over the socket only, shown once, and stored hashed in a file for the owner only', async () => {
    const { post, get, send: sendUnix } = apiClient(socket);
    const added = await post<{ token: string }>('/v1/tokens', { name: 'grafana', readOnly: true });
    expect([added.status, added.body]).toEqual([
      201,
      {
        name: 'grafana',
        readOnly: true,
        logic: false,
        created: expect.any(String),
        token: expect.stringMatching(/^tsw_[\w-]{43}$/),
      },
    ]);
    expect(readFileSync(tokenFile, 'utf8')).not.toContain(added.body.token);
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
    expect((await send('GET', '/v1/switch', bearer(added.body.token))).status).toBe(200);
    expect((await get('/v1/tokens')).text).not.toContain(added.body.token.slice(4));
    expect((await refusal(post('/v1/tokens', { name: 'grafana' }))).slice(0, 2)).toEqual([409, 'TOKEN_EXISTS']);
    for (const [method, path] of [
      ['GET', '/v1/tokens'],
      ['POST', '/v1/tokens'],
      ['DELETE', '/v1/tokens/reader'],
      // The router decodes what is written otherwise.
      ['GET', '/v1/%74okens'],
      ['POST', '/v1/token%73'],
      ['DELETE', '/v1/%74okens/reader'],
    ] as const) {
      const reply = await send(method, path, bearer(full));
      expect([reply.status, codeOf(reply)]).toEqual([403, 'SOCKET_ONLY']);
    }
    for (const path of ['/v1/c%61ptures/x/stream', '/v1/recordings/x/stream']) {
      const stream = await send('GET', path, bearer(added.body.token));
      expect([stream.status, codeOf(stream)]).toEqual([403, 'READ_ONLY_TOKEN']);
    }
    expect((await sendUnix('DELETE', '/v1/tokens/grafana')).status).toBe(204);
    expect((await send('GET', '/v1/switch', bearer(added.body.token))).status).toBe(401);
    expect((await refusal(sendUnix('DELETE', '/v1/tokens/grafana'))).slice(0, 2)).toEqual([404, 'TOKEN_NOT_FOUND']);
  });

  test('that another process adds and removes are known and refused at once', async () => {
    const other = new TokenStore(tokenFile);
    const { token } = other.add('other');
    expect((await send('GET', '/v1/switch', bearer(token))).status).toBe(200);
    other.remove('other');
    expect((await send('GET', '/v1/switch', bearer(token))).status).toBe(401);
  });

  test('a file that is damaged, or open to others, is refused with what to do', () => {
    const path = join(folder, 'bad.json');
    writeFileSync(path, '{"tokens":[{"name":"x"}]}', { mode: 0o600 });
    expect(() => new TokenStore(path)).toThrow(/is damaged: mend it, or remove it/);
    writeFileSync(join(folder, 'open.json'), '{"tokens":[]}', { mode: 0o644 });
    expect(() => new TokenStore(join(folder, 'open.json'))).toThrow(/open to other users: chmod 600/);
    expect(() => new TokenStore(folder)).toThrow(/is no file/);
    expect(() => new TokenStore(join(folder, 'none', 'x')).add('a')).toThrow(/cannot use the token file/);
  });

  test('of a file that is damaged while it is used none is accepted; why is told in the log, and not to strangers', async () => {
    const path = join(folder, 'damaged.json');
    const store = new TokenStore(path);
    const { token } = store.add('a');
    const whole = readFileSync(path);
    const logged: string[] = [];
    const log: Log = { ...SILENT, error: (message, { reason } = {}) => logged.push(`${message}: ${String(reason)}`) };
    const options = { socket: join(folder, 'damaged.sock'), tcp: { listen: '127.0.0.1:0', tokens: store }, log };
    const damaged = await serveApi(fakeControl(), options);
    const get = () => send('GET', '/v1/switch', bearer(token), undefined, Number(new URL(damaged.url!).port));
    expect((await get()).status).toBe(200);
    writeFileSync(path, '{"tokens":');
    for (let k = 0; k < 2; k++) {
      const reply = await get();
      expect([reply.status, codeOf(reply)]).toEqual([401, 'UNAUTHORIZED']);
      expect(reply.text).not.toContain(path);
    }
    expect(logged).toEqual([expect.stringMatching(`no token is accepted: the token file ${path} is damaged`)]);
    writeFileSync(path, whole);
    expect((await get()).status).toBe(200);
    await damaged.close();
  });

  test('without a token file there are none', async () => {
    const path = join(folder, 'bare.sock');
    const bare = await serveApi(fakeControl(), { socket: path });
    expect((await refusal(apiClient(path).get('/v1/tokens'))).slice(0, 2)).toEqual([409, 'NO_TOKEN_FILE']);
    await bare.close();
  });
});

describe('other web pages', () => {
  test.each([
    ['a name that leads here by DNS', { host: 'evil.example' }, 'HOST_REFUSED'],
    ['a name with a port', { host: 'evil.example:8080' }, 'HOST_REFUSED'],
    ['an Origin', { origin: 'http://evil.example' }, 'ORIGIN_REFUSED'],
    ['an opaque Origin', { origin: 'null' }, 'ORIGIN_REFUSED'],
    ['an Origin on another port', { origin: 'http://127.0.0.1:1' }, 'ORIGIN_REFUSED'],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }, 'ORIGIN_REFUSED'],
    ['a same-site fetch', { 'sec-fetch-site': 'same-site' }, 'ORIGIN_REFUSED'],
  ])('%s is refused, even with the token', async (_, headers, code) => {
    const reply = await send('GET', '/v1/switch', { ...bearer(full), ...headers });
    expect([reply.status, codeOf(reply)]).toEqual([403, code]);
  });

  test.each([
    { host: 'localhost:1' },
    { host: '127.0.0.1' },
    { host: '[::1]:8080' },
    { host: 'Switch.Example' },
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ])('%j is not', async (headers: Record<string, string>) => {
    expect((await send('GET', '/v1/switch', { ...bearer(full), ...headers })).status).toBe(200);
  });

  test('the own origin is not', async () => {
    expect((await send('GET', '/v1/switch', { ...bearer(full), origin: `http://127.0.0.1:${port}` })).status).toBe(200);
  });

  test.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x', ''])(
    'a body of type %j, which forms send, is 415',
    async (type) => {
      const headers = { ...bearer(full), ...(type === '' ? {} : { 'content-type': type }) };
      const reply = await send('PATCH', '/v1/switch', headers, '{"ageingSeconds":300}');
      expect([reply.status, codeOf(reply)]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    },
  );
});

describe('where it may listen', () => {
  const empty = new TokenStore(join(folder, 'empty.json'));
  test.each([
    ['0.0.0.0:0', null, /can be reached from other machines: give --token-file/],
    ['[::]:0', null, /can be reached from other machines/],
    ['192.0.2.1:0', null, /can be reached from other machines/],
    ['0.0.0.0:0', empty, /there is no token yet: run `tswitch token add NAME --token-file/],
    ['8080', empty, /give HOST:PORT/],
    [':8080', empty, /give HOST:PORT/],
    ['127.0.0.1:65536', empty, /give HOST:PORT/],
    ['127.0.0.1:x', empty, /give HOST:PORT/],
    ['[127.0.0.1]:80', empty, /give HOST:PORT/],
    ['192.0.2.1:0', tokens, /does not have the address/],
  ])('%s is refused', async (listen, store, sentence) => {
    const path = join(folder, 'refused.sock');
    await expect(serveApi(fakeControl(), { socket: path, tcp: { listen, tokens: store } })).rejects.toThrow(sentence);
    expect(existsSync(path)).toBe(false);
  });

  test('a port that is taken is refused, and leaves no socket behind', async () => {
    const tcp = { listen: `127.0.0.1:${port}`, tokens };
    const path = join(folder, 'taken.sock');
    await expect(serveApi(fakeControl(), { socket: path, tcp })).rejects.toThrow(/is in use/);
    expect(existsSync(path)).toBe(false);
  });

  test('on loopback without tokens, if that is wanted; other pages stay out', async () => {
    const path = join(folder, 'loopback.sock');
    const open = await serveApi(fakeControl(), { socket: path, tcp: { listen: 'localhost:0', tokens: null } });
    const to = Number(new URL(open.url!).port);
    const host = new URL(open.url!).hostname === '[::1]' ? '::1' : '127.0.0.1';
    expect(host).toBe('127.0.0.1');
    expect((await send('GET', '/v1/switch', {}, undefined, to)).status).toBe(200);
    expect(codeOf(await send('GET', '/v1/switch', { host: 'evil.example' }, undefined, to))).toBe('HOST_REFUSED');
    expect(codeOf(await send('GET', '/v1/tokens', {}, undefined, to))).toBe('SOCKET_ONLY');
    await open.close();
  });

  test('a group may use the socket, and nobody else', async () => {
    const path = join(folder, 'group.sock');
    const grouped = await serveApi(fakeControl(), { socket: path, group: String(process.getgid?.() ?? 0) });
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await grouped.close();
    const unknown = serveApi(fakeControl(), { socket: path, group: 'no such; group' });
    await expect(unknown).rejects.toThrow(/there is no group "no such; group"/);
  });
});

interface Operation {
  path: string;
  method: string;
}

test('without a token, with a wrong or a read-only one, no request changes anything', async () => {
  const { get } = apiClient(socket);
  const { body } = await get<{ paths: Record<string, Record<string, unknown>> }>('/openapi.json');
  const operations: Operation[] = Object.entries(body.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ path, method: method.toUpperCase() })),
  );
  const state = async (): Promise<string[]> =>
    Promise.all(
      ['/v1/ports', '/v1/fdb', '/v1/switch', '/v1/vlans', '/v1/tokens'].map(async (path) => (await get(path)).text),
    );
  await apiClient(socket).post('/v1/ports', { name: 'red', kind: 'veth', netns: 'red' });
  await apiClient(socket).post('/v1/fdb', { mac: '02:00:00:00:00:01', port: 'red' });
  const before = await state();
  const bodies = [
    '{"name":"x","kind":"veth","netns":"x"}',
    '{"ageingSeconds":10}',
    '{"mac":"02:00:00:00:00:02","port":"red"}',
    '{}',
  ];
  const filled = (path: string): string =>
    path.replace('{name}', 'red').replace('{vlan}', '1').replace('{mac}', '02:00:00:00:00:01');
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations),
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'QUERY'),
      fc.constantFrom({}, bearer('tsw_wrong'), bearer(readOnly)),
      fc.constantFrom(...bodies),
      fc.boolean(),
      async ({ path, method }, other, headers, sentBody, isOther) => {
        const used = isOther ? other : method;
        const isReading = used === 'GET' || used === 'HEAD';
        // A stream would not end by itself.
        if (
          isReading &&
          path === '/v1/events' &&
          'authorization' in headers &&
          headers.authorization.includes(readOnly)
        )
          return;
        const hasBody = !isReading;
        const all = { ...headers, ...(hasBody ? json : {}) };
        const reply = await send(used, filled(path), all, hasBody ? sentBody : undefined);
        const isReader = 'authorization' in headers && headers.authorization === `Bearer ${readOnly}`;
        if (isReader && isReading) expect(reply.status, `${used} ${path}`).toBeLessThan(500);
        else expect(reply.status, `${used} ${path}`).toBe(isReader ? 403 : 401);
      },
    ),
    { numRuns: process.env['TSWITCH_LONG'] ? 3000 : 300 },
  );
  expect(await state()).toEqual(before);
});

describe('clients that are slow or send nonsense', () => {
  const open: Socket[] = [];
  afterAll(() => {
    for (const connection of open) connection.destroy();
  });

  /** Connections that send `bytes` and then nothing. */
  async function openMany(count: number, to: { port: number; host: string } | { path: string }, bytes: string) {
    const made = Array.from({ length: count }, () => connect(to));
    for (const connection of made) connection.on('error', () => {}).resume();
    open.push(...made);
    await Promise.all(
      made.map(
        (connection) =>
          new Promise<void>((resolve) => {
            connection.once('connect', () => {
              connection.write(bytes);
              resolve();
            });
            connection.once('close', resolve);
          }),
      ),
    );
    return made;
  }

  const tcp = () => ({ port, host: '127.0.0.1' });

  test.each(['TCP', 'the socket'])('1,000 that never finish a request over %s hold up nobody', async (where) => {
    const to = where === 'TCP' ? tcp() : { path: socket };
    const made = await openMany(1000, to, 'GET /v1/switch HTTP/1.1\r\nHost: 127.0.0.1\r\nX-');
    expect((await send('GET', '/v1/switch', bearer(full))).status).toBe(200);
    expect((await apiClient(socket).get('/v1/switch')).status).toBe(200);
    for (const connection of made) connection.destroy();
  });

  test('more than may be open make room, the one silent for longest first', async () => {
    const path = join(folder, 'few.sock');
    const few = await serveApi(fakeControl(), { socket: path, connectionsMax: 20 });
    const made = await openMany(20, { path }, 'GET /');
    for (let round = 0; round < 5; round++) expect((await apiClient(path).get('/healthz')).status).toBe(200);
    expect(made[0]!.destroyed || (await new Promise((resolve) => made[0]!.once('close', () => resolve(true))))).toBe(
      true,
    );
    expect(made.at(-1)!.destroyed).toBe(false);
    await few.close();
  });

  test.each([
    ['bytes of no protocol', Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 197) & 0xff)).toString('latin1')],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a header of 1 MiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(1024 * 1024)}\r\n\r\n`],
    ['10,000 header lines', `GET / HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
    ['two lengths', 'POST /v1/ports HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a negative length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
    ['a broken chunk', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('%s is refused on both, and the connection ended', async (_, bytes) => {
    for (const to of [tcp(), { path: socket }]) {
      const answer = await new Promise<string>((resolve) => {
        const connection = connect(to, () => connection.end(bytes, 'latin1'));
        open.push(connection);
        let text = '';
        connection.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
        connection.on('error', () => {}).once('close', () => resolve(text));
      });
      expect(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer), answer.slice(0, 100)).toBe(true);
    }
    expect((await apiClient(socket).get('/healthz')).status).toBe(200);
  });

  test('one that reads no answer holds up nobody', async () => {
    const [stuck] = await openMany(1, { path: socket }, '');
    stuck!.pause();
    for (let n = 0; n < 200; n++) stuck!.write('GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await apiClient(socket).get('/healthz')).status).toBe(200);
  });
});
