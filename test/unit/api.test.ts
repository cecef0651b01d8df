/** The HTTP API over a real Unix socket: shapes, refusals that name what is wrong, limits, and the socket's own life. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BODY_BYTES_MAX, ERRORS } from '../../src/api/errors.ts';
import type { ErrorBody } from '../../src/api/errors.ts';
import { serveApi } from '../../src/api/server.ts';
import { TswitchError } from '../../src/control/errors.ts';
import type { PortView } from '../../src/control/model.ts';
import { DROP_NAMES } from '../../src/switching/drop-reasons.ts';
import { apiClient, refusal } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-api-'));
const socket = join(folder, 'made', 'api.sock');
const { send, get, post, patch } = apiClient(socket);
const faults: Error[] = [];
let api: { close(): Promise<void> };

beforeAll(async () => {
  api = await serveApi(fakeControl(), { socket, report: (error) => faults.push(error) });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

/** Sends bytes as they are, so that what is no request can be sent too; gives all that comes back until `hangUpMs`. */
function sendBytes(bytes: string, hangUpMs?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket, () => {
      connection.write(bytes);
      if (hangUpMs !== undefined) setTimeout(() => connection.destroy(), hangUpMs);
    });
    let text = '';
    connection.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    connection.once('error', reject).once('close', () => resolve(text));
  });
}

describe('ports', () => {
  test('are added, listed, shown, changed and removed', async () => {
    const added = await post<PortView>('/v1/ports', { name: 'blue', kind: 'veth', netns: 'blue', vlan: 10 });
    expect(added.status).toBe(201);
    expect(added.headers['location']).toBe('/v1/ports/blue');
    expect(added.body).toMatchObject({
      name: 'blue',
      mode: 'access',
      vlan: 10,
      trunks: [],
      mtu: 1500,
      isolated: false,
    });
    expect((await get<{ ports: PortView[] }>('/v1/ports')).body).toEqual({ ports: [added.body] });
    expect((await get('/v1/ports/blue')).body).toEqual(added.body);
    expect(added.body).toMatchObject({ cvlans: [], tpid: '0x88a8', priorityTags: 'never', fdbLimit: null });
    expect(added.body).toMatchObject({ broadcastLimit: 10_000, multicastLimit: 100_000, unknownLimit: 100_000 });
    expect(added.body).toMatchObject({ blocked: null, protection: [] });
    const limits = { fdbLimit: 5, broadcastLimit: null, multicastLimit: 1, unknownLimit: 10_000_000 };
    const tunnel = { mode: 'dot1q-tunnel', vlan: 100, cvlans: [20, 10, 20], tpid: '0x8100', priorityTags: 'always' };
    const tunnelled = await patch<PortView>('/v1/ports/blue', { ...limits, ...tunnel });
    expect(tunnelled.body).toMatchObject({ ...limits, ...tunnel, cvlans: [10, 20] });
    expect((await patch<PortView>('/v1/ports/blue', { fdbLimit: null })).body).toMatchObject({ fdbLimit: null });
    const transparent = await patch<PortView>('/v1/ports/blue', { mode: 'transparent' });
    expect(transparent.body).toMatchObject({ mode: 'transparent', vlan: 100, cvlans: [] });
    const patched = await patch<PortView>('/v1/ports/blue', { mode: 'trunk', trunks: [20, 10, 20] });
    expect(patched.body).toMatchObject({ mode: 'trunk', vlan: null, trunks: [10, 20] });
    const removed = await send('DELETE', '/v1/ports/blue');
    expect([removed.status, removed.text]).toEqual([204, '']);
    expect(await refusal(get('/v1/ports/blue'))).toEqual([404, 'PORT_NOT_FOUND', 'there is no port blue']);
    expect((await refusal(send('DELETE', '/v1/ports/blue')))[1]).toBe('PORT_NOT_FOUND');
  });

  test('a name that is taken is a conflict', async () => {
    await post('/v1/ports', { name: 'twice', kind: 'veth', netns: 'a' });
    const again = refusal(post('/v1/ports', { name: 'twice', kind: 'veth', netns: 'a' }));
    expect((await again).slice(0, 2)).toEqual([409, 'PORT_EXISTS']);
    await send('DELETE', '/v1/ports/twice');
  });

  test('every character of port names works in a path', async () => {
    const name = 'aZ09._:-constructor';
    await post('/v1/ports', { name, kind: 'veth', netns: 'a' });
    expect((await get<PortView>(`/v1/ports/${encodeURIComponent(name)}`)).body.name).toBe(name);
    expect((await get<PortView>(`/v1/ports/${name}`)).body.name).toBe(name);
    await send('DELETE', `/v1/ports/${name}`);
  });

  const base = { name: 'x', kind: 'veth', netns: 'x' };
  const bad: [string, unknown, RegExp][] = [
    ['unknown field', { ...base, vlna: 1 }, /unknown field "vlna"; allowed: name, kind, netdev, netns/],
    ['two unknown fields', { ...base, a: 1, b: 2 }, /unknown field "a".*unknown field "b"/],
    ['shown field', { ...base, state: 'up' }, /field "state" is only shown/],
    ['no name', { kind: 'veth', netns: 'x' }, /name: is missing/],
    ['no kind', { name: 'x' }, /kind: is missing; it must be one of veth/],
    ['name with a slash', { ...base, name: 'a/b' }, /name: must be a port name/],
    ['VID 0', { ...base, vlan: 0 }, /vlan: must be a whole number from 1 to 4094/],
    ['VID 4095', { ...base, vlan: 4095 }, /vlan:/],
    ['VID as text', { ...base, vlan: '10' }, /vlan: must be a whole number/],
    ['VID 1.5', { ...base, vlan: 1.5 }, /vlan: must be a whole number/],
    ['trunks as text', { ...base, mode: 'trunk', trunks: '10,20' }, /trunks: must be a list/],
    ['trunk VID 4095', { ...base, mode: 'trunk', trunks: [1, 4095] }, /trunks\.1: must be a whole number/],
    ['trunk with vlan', { ...base, mode: 'trunk', vlan: 10 }, /vlan: mode trunk has none/],
    ['MTU 9001', { ...base, mtu: 9001 }, /mtu: must be a whole number from 68 to 9000/],
    ['flag as text', { ...base, isolated: 'true' }, /isolated: must be true or false/],
    ['unknown mode', { ...base, mode: 'hub' }, /mode: must be one of access, trunk/],
    ['customer VID 4095', { ...base, mode: 'dot1q-tunnel', cvlans: [4095] }, /cvlans\.0: must be a whole number/],
    ['customer VLANs of an access port', { ...base, cvlans: [10] }, /cvlans: mode access has no customer VLANs/],
    ['TPID 9100', { ...base, tpid: '0x9100' }, /tpid: must be one of 0x88a8, 0x8100/],
    ['TPID as number', { ...base, tpid: 0x8100 }, /tpid: must be one of/],
    [
      'unknown priority tags',
      { ...base, priorityTags: true },
      /priorityTags: must be one of never, if-nonzero, always/,
    ],
    [
      'FDB limit 0',
      { ...base, fdbLimit: 0 },
      /fdbLimit: must be a whole number from 1 to 1048576, or null for no limit/,
    ],
    [
      'storm limit',
      { ...base, unknownLimit: 10_000_001 },
      /unknownLimit: must be .* to 10000000, or null for no limit/,
    ],
    ['shown block', { ...base, blocked: null, protection: [] }, /"blocked" is only shown.*"protection" is only shown/],
    ['unknown kind', { ...base, kind: 'vxlan' }, /kind: must be one of veth/],
    ['bad address', { ...base, addresses: ['10.0.0.1'] }, /addresses:.*prefix length/],
    ['several at once', { ...base, vlan: 0, mtu: 1 }, /vlan: .*; mtu: /],
    ['a list', [base], /must be a JSON object/],
    ['null', null, /must be a JSON object/],
  ];
  test.each(bad)('POST refuses: %s', async (_, body, sentence) => {
    const [status, code, message] = await refusal(post('/v1/ports', body));
    expect([status, code]).toEqual([400, 'BAD_REQUEST']);
    expect(message).toMatch(sentence);
  });

  test('a field that would reach the prototype is an unknown field', async () => {
    const [status, , message] = await refusal(send('POST', '/v1/ports', '{"name":"x","kind":"veth","__proto__":{}}'));
    expect([status, message]).toEqual([400, expect.stringMatching(/unknown field "__proto__"/)]);
  });

  test('PATCH refuses what is fixed, saying so', async () => {
    const [status, , message] = await refusal(patch('/v1/ports/x', { kind: 'tap', mac: '02:00:00:00:00:02' }));
    expect(status).toBe(400);
    expect(message).toMatch(/field "kind" is fixed: .*field "mac" is fixed/);
  });

  test('details name every field at fault', async () => {
    const { body } = await post<ErrorBody>('/v1/ports', { ...base, vlan: 0 });
    expect(body.error.details).toEqual([{ field: 'vlan', problem: 'must be a whole number from 1 to 4094' }]);
  });

  test('errors of the control plane keep their code, details and status', async () => {
    const { status, body } = await post<ErrorBody>('/v1/ports', { ...base, name: 'gone' });
    expect(status).toBe(404);
    expect(body.error).toEqual({ code: 'NETNS_NOT_FOUND', message: 'no namespace gone', details: { netns: 'gone' } });
  });

  test('a fault is reported to the daemon, and tells the client nothing', async () => {
    const { status, text } = await post('/v1/ports', { ...base, name: 'fault' });
    expect(status).toBe(500);
    expect(text).toMatch(/"INTERNAL"/);
    expect(text).not.toMatch(/secret|stack|\.ts/);
    expect(faults.map((fault) => fault.message)).toEqual(['secret of the stack']);
  });
});

describe('bodies', () => {
  test('malformed JSON is 400', async () => {
    expect((await refusal(send('POST', '/v1/ports', '{"name":'))).slice(0, 2)).toEqual([400, 'BAD_REQUEST']);
    expect((await refusal(send('POST', '/v1/ports', '{} {}'))).slice(0, 2)).toEqual([400, 'BAD_REQUEST']);
    expect((await refusal(send('POST', '/v1/ports', ''))).slice(0, 2)).toEqual([400, 'BAD_REQUEST']);
  });

  test('no type and the default type of curl count as JSON, others are 415', async () => {
    const body = '{"ageingSeconds":300}';
    expect((await send('PATCH', '/v1/switch', body, { type: null })).status).toBe(200);
    expect((await send('PATCH', '/v1/switch', body, { type: 'application/x-www-form-urlencoded' })).status).toBe(200);
    expect((await send('PATCH', '/v1/switch', body, { type: 'application/json; charset=utf-8' })).status).toBe(200);
    const refused = refusal(send('PATCH', '/v1/switch', body, { type: 'text/plain' }));
    expect((await refused).slice(0, 2)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  test.each([false, true])('1 MiB passes, one byte more is 413 (chunked: %s)', async (chunked) => {
    const body = '{"ageingSeconds":300}'.padEnd(BODY_BYTES_MAX);
    expect((await send('PATCH', '/v1/switch', body, { chunked })).status).toBe(200);
    const refused = refusal(send('PATCH', '/v1/switch', `${body} `, { chunked }));
    expect((await refused).slice(0, 2)).toEqual([413, 'BODY_TOO_LARGE']);
    expect((await get('/healthz')).status).toBe(200);
  });

  test('curl itself, with a body of 2 MiB, sees the answer', async () => {
    const file = join(folder, 'large');
    writeFileSync(file, ' '.repeat(2 * BODY_BYTES_MAX));
    const format = ['-s', '-o', '/dev/null', '-w', '%{http_code}'];
    const target = ['--unix-socket', socket, '--data-binary', `@${file}`, 'http://localhost/v1/fdb/flush'];
    expect((await promisify(execFile)('curl', [...format, ...target])).stdout).toBe('413');
  });
});

describe('what is hardly a request', () => {
  test.each([
    ['a Host with a space', 'GET /v1/ports HTTP/1.1\r\nHost: a b', /Invalid URL/],
    ['a Host with a slash', 'GET /v1/ports HTTP/1.1\r\nHost: a/b', /Invalid host header/],
    ['no Host', 'GET /v1/ports HTTP/1.1', /Missing host header/],
    ['a backslash in the path', 'GET /v1\\ports HTTP/1.1\r\nHost: a', /Backslash/],
    ['a target without a path', 'OPTIONS * HTTP/1.1\r\nHost: a', /Invalid URL/],
  ])('%s is 400 with a reason', async (_, head, sentence) => {
    const [status, body = ''] = (await sendBytes(`${head}\r\nConnection: close\r\n\r\n`)).split('\r\n\r\n');
    expect(status).toMatch(/^HTTP\/1\.1 400 [\s\S]*content-type: application\/json/i);
    const message: unknown = expect.stringMatching(sentence);
    expect(JSON.parse(body)).toEqual({ error: { code: 'BAD_REQUEST', message, details: null } });
  });

  test.each([
    ['Content-Length: 100', '{"name":'],
    ['Transfer-Encoding: chunked', '8\r\n{"name":\r\n'],
  ])('a client that leaves in mid-body (%s) is no fault of tswitch', async (header, begin) => {
    const before = faults.length;
    const head = `POST /v1/ports HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${header}\r\n\r\n`;
    // Before the body is waited for, and while it is.
    for (const hangUpMs of [0, 100]) expect(await sendBytes(head + begin, hangUpMs)).toBe('');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await get('/healthz')).status).toBe(200);
    expect(faults.slice(before)).toEqual([]);
  });
});

describe('routes', () => {
  test('unknown ones are 404, wrong methods 405 with what is allowed', async () => {
    expect((await refusal(get('/v1/nothing'))).slice(0, 2)).toEqual([404, 'ROUTE_NOT_FOUND']);
    expect((await refusal(post('/v1/configs', {}))).slice(0, 2)).toEqual([404, 'ROUTE_NOT_FOUND']);
    const reply = await send('PUT', '/v1/ports/x', '{}');
    expect([reply.status, reply.headers['allow']]).toEqual([405, 'DELETE, GET, PATCH']);
    expect((await refusal(get('/v1/fdb/flush')))[1]).toBe('METHOD_NOT_ALLOWED');
    expect((await send('HEAD', '/v1/ports')).status).toBe(200);
  });

  test('unknown parameters are refused where none are known', async () => {
    expect((await refusal(get('/v1/ports?verbose=1')))[2]).toMatch(/unknown field "verbose"; allowed: none/);
  });

  test('/healthz answers', async () => {
    expect((await get('/healthz')).body).toEqual({ status: 'ok', reasons: [] });
  });
});

interface OpenApi {
  paths: Record<string, Record<string, { responses: object }>>;
}

describe('documentation', () => {
  test('the OpenAPI document has every route, error code and drop reason', async () => {
    const { body, text } = await get<OpenApi>('/openapi.json');
    const routes = Object.entries(body.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    expect(new Set(routes)).toEqual(
      new Set([
        ...['delete /v1/captures/{id}', 'get /v1/captures', 'get /v1/captures/{id}'],
        ...['get /v1/captures/{id}/stream', 'post /v1/captures'],
        ...['delete /v1/recordings/{id}', 'get /v1/recordings', 'get /v1/recordings/{id}'],
        ...['get /v1/recordings/{id}/stream', 'post /v1/recordings'],
        ...['delete /v1/fdb/{vlan}/{mac}', 'delete /v1/ports/{name}', 'get /v1/drops', 'get /v1/events'],
        'delete /v1/tokens/{name}',
        ...['', '/{name}', '/{name}/diff'].map((path) => `get /v1/logic${path}`),
        ...['', '/{name}/promote', '/{name}/rollback'].map((path) => `post /v1/logic${path}`),
        'patch /v1/logic/{name}',
        'delete /v1/logic/{name}',
        'get /healthz',
        'get /metrics',
        'get /v1/fdb',
        'get /v1/ports',
        'get /v1/ports/{name}',
        'get /v1/stats',
        ...[
          'get /v1/switch',
          'get /v1/tokens',
          'get /v1/vlans',
          'patch /v1/ports/{name}',
          'patch /v1/switch',
          'get /v1/config',
          'post /v1/config/confirm',
          'put /v1/config',
          'post /v1/doctor',
          'post /v1/explain',
          'post /v1/fdb',
          'post /v1/fdb/flush',
          'post /v1/ports',
          'post /v1/tokens',
          'get /v1/networks',
          'post /v1/networks',
          'post /v1/networks/prune',
          'get /v1/networks/{network}',
          'delete /v1/networks/{network}',
          'post /v1/networks/{network}/connect',
          'post /v1/networks/{network}/disconnect',
          'get /v1/containers',
          'post /v1/containers',
          'get /v1/containers/{container}',
          'delete /v1/containers/{container}',
          'post /v1/containers/{container}/started',
          'post /v1/containers/{container}/stop',
          'get /v1/nics',
          'post /v1/nics/{nic}/connect',
          'post /v1/nics/{nic}/disconnect',
        ],
      ]),
    );
    for (const name of [...Object.keys(ERRORS), ...DROP_NAMES]) expect(text).toContain(`\`${name}\``);
  });

  test('what is required and unknown is told to programs too', async () => {
    const { components } = (await get<{ components: { schemas: Record<string, object> } }>('/openapi.json')).body;
    expect(components.schemas['PortRequest']).toMatchObject({
      required: ['name', 'kind'],
      additionalProperties: false,
    });
    expect(components.schemas['PortPatch']).not.toHaveProperty('required');
  });

  test('the page loads nothing from outside and shows every route', async () => {
    const { text, headers } = await get('/docs');
    expect(headers['content-type']).toMatch(/text\/html/);
    expect(headers['content-security-policy']).toMatch(/default-src 'none'/);
    expect(text).not.toMatch(/https?:\/\/|<script|<link|@import|url\(/);
    for (const path of ['/v1/ports/{name}', '/v1/fdb/flush', '/v1/stats']) {
      expect(text).toContain(`<code>${path}</code>`);
    }
  });
});

describe('the socket', () => {
  test('is for its owner only, in a folder that was made', () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o755);
  });

  test('of a live daemon is refused and keeps working', async () => {
    await expect(serveApi(fakeControl(), { socket })).rejects.toThrow(/a daemon already answers on .*api\.sock/);
    expect((await get('/healthz')).status).toBe(200);
  });

  test('is removed at the end, also with an idle connection open', async () => {
    const other = join(folder, 'other.sock');
    const server = await serveApi(fakeControl(), { socket: other });
    const idle = connect(other);
    await new Promise((resolve) => idle.once('connect', resolve));
    const ended = new Promise((resolve) => idle.once('close', resolve));
    await server.close();
    await ended;
    expect(existsSync(other)).toBe(false);
  });

  test('left behind by a dead daemon is replaced', async () => {
    const stale = join(folder, 'stale.sock');
    const script = `process.getBuiltinModule('node:net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await expect(promisify(execFile)(process.execPath, ['-e', script])).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(existsSync(stale)).toBe(true);
    const server = await serveApi(fakeControl(), { socket: stale });
    await server.close();
    expect(existsSync(stale)).toBe(false);
  });

  test('never replaces a file, nor a socket on which something else listens', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(serveApi(fakeControl(), { socket: file })).rejects.toThrow(/exists and is no socket/);
    const foreign = createServer((connection) => connection.destroy());
    const path = join(folder, 'foreign.sock');
    await new Promise<void>((resolve) => foreign.listen(path, resolve));
    await expect(serveApi(fakeControl(), { socket: path })).rejects.toThrow(/already answers/);
    await new Promise((resolve) => foreign.close(resolve));
  });

  test('cannot have a path that the kernel would cut', async () => {
    const long = serveApi(fakeControl(), { socket: `/tmp/${'x'.repeat(104)}` });
    await expect(long).rejects.toBeInstanceOf(TswitchError);
    await expect(long).rejects.toThrow(/longer than 107 bytes/);
  });

  test.each([
    ['/sys/a.sock', /run as root or give another --socket/],
    ['/proc/none/a.sock', /there is no folder/],
    ['/dev/null/a.sock', /there is no folder/],
  ])('that cannot be made is refused plainly: %s', async (path, sentence) => {
    await expect(serveApi(fakeControl(), { socket: path })).rejects.toThrow(sentence);
  });
});
