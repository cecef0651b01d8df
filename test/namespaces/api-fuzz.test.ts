/**
 * The API of a real daemon, in namespaces of its own (network, mounts, processes), against requests made from its own OpenAPI
 * document, right and wrong ones: no fault, and every answer is one that the document names. And names that mean something
 * to a kernel, a path or a shell get no further than the check.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiClient, refusal } from '../support/api-client.ts';
import type { Reply } from '../support/api-client.ts';
import { MAIN } from '../support/cli-runner.ts';
import { resolved, routesOf, Validator } from '../support/openapi.ts';
import type { OpenApi, Route, Schema } from '../support/openapi.ts';

const CASES = process.env['TSWITCH_LONG'] ? 10_000 : 1000;
/** Ports are removed after so many cases, so that they don't fill the memory. */
const CASES_PER_TIDY = 50;

const folder = mkdtempSync(join(tmpdir(), `tswitch-fuzz-${process.pid}-`));
const socket = join(folder, 'api.sock');
const calls = join(folder, 'calls');
const { send, get, post } = apiClient(socket);
let daemon: ChildProcess;
let log = '';
let document: OpenApi;

beforeAll(async () => {
  // Notes each use of `ip`, the only program that the daemon runs for a port.
  const wrapper = join(folder, 'ip');
  writeFileSync(calls, '');
  writeFileSync(wrapper, `#!/bin/sh\necho "$@" >>'${calls}'\nPATH=\${PATH#*:} exec ip "$@"\n`);
  chmodSync(wrapper, 0o755);
  const apart = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const serve = [process.execPath, MAIN, 'serve', '--ephemeral', '--token-file', join(folder, 'tokens')];
  daemon = spawn(
    'unshare',
    [
      ...apart,
      'sh',
      '-c',
      'mkdir -p /etc/netns && mount -t tmpfs none /etc/netns && mount -t tmpfs none /run && exec "$@"',
      'sh',
      ...serve,
    ],
    {
      env: { ...process.env, PATH: `${folder}:${process.env['PATH']}`, TSWITCH_SOCKET: socket },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  daemon.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  for (let tries = 0; !existsSync(socket); tries++) {
    if (tries > 1000 || daemon.exitCode !== null) throw new Error(`the daemon does not start: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  document = (await get<OpenApi>('/openapi.json')).body;
});
afterAll(async () => {
  const ended = new Promise((resolve) => daemon.once('close', resolve));
  // With its process namespace all of the daemon ends, and with it all that it made.
  daemon.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true });
});

/** Values that have a meaning, so that many requests get behind the first check. */
const HINTS: Record<string, unknown[]> = {
  name: ['p1', 'p2', 'p3', 'p4'],
  port: ['p1', 'p2', 'p3', 'p4'],
  netns: ['n1', 'n2', 'n3', 'host'],
  ifname: ['eth0', 'eth1', 'lo'],
  netdev: [null, 'lo', 'tsw-p1'],
  createNetns: [true],
  mac: ['02:00:00:00:00:01', '02:00:00:00:00:02', 'ff:ff:ff:ff:ff:ff'],
  addresses: [[], ['10.0.0.1/24'], ['fd00::1/64']],
  gateway: ['10.0.0.254', 'fe80::1'],
  vlan: [1, 2, 4094],
  frame: ['ffffffffffff0200000000010806' + '00'.repeat(46), '020000000002020000000001'],
  network: ['bridge', 'none', 'p1', 'p2'],
  container: ['n1', 'n2', 'p1', 'p2'],
  driver: ['bridge'],
  subnet: ['10.71.0.0/24', '10.72.0.0/24', 'fd00:71::/64'],
  // A table for more is many megabytes, a hundred times over.
  fdbLimit: [1, 100, 65_536],
};

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(-1, 0, 1.5, 2 ** 53, 1e308, '', '..', '../..', 'a\nb', '\0', '$(id)', '__proto__', 'é'.repeat(20)),
);

function valueOf(given: Schema, field = ''): fc.Arbitrary<unknown> {
  const schema = resolved(document, given);
  const right = rightValue(schema);
  const hints = HINTS[field];
  const meaningful = hints
    ? fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...hints) }, { weight: 1, arbitrary: right })
    : right;
  return fc.oneof({ weight: 30, arbitrary: meaningful }, { weight: 1, arbitrary: junk });
}

function rightValue(schema: Schema): fc.Arbitrary<unknown> {
  const { type, minimum = 0, maximum = 2 ** 31 } = schema;
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (alternatives) return fc.oneof(...alternatives.map((each) => valueOf(each)));
  if (Array.isArray(type)) return fc.oneof(...type.map((each) => rightValue({ ...schema, type: each })));
  if (type === 'object') return objectOf(schema);
  if (type === 'array') return fc.array(valueOf(schema.items ?? {}), { maxLength: 3 });
  if (type === 'integer')
    return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum, maximum));
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern));
  return fc.string({ maxLength: Math.min(schema.maxLength ?? 20, 20) });
}

function objectOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const isRequired = required.includes(name);
      const value = valueOf(schema, name);
      const missing = { weight: 4, arbitrary: fc.constant(undefined) };
      return [name, fc.oneof({ weight: isRequired ? 160 : 1, arbitrary: value }, missing)];
    }),
  );
  const few = fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
  return fc
    .tuple(
      few,
      fc.oneof({ weight: 30, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.dictionary(fc.string(), junk) }),
    )
    .map(([own, more]) => ({ ...own, ...more }));
}

interface Case {
  route: Route;
  path: string;
  body: string | undefined;
}

function caseOf(route: Route): fc.Arbitrary<Case> {
  const { parameters = [], requestBody } = route.operation;
  const values = fc.tuple(
    ...parameters.map((parameter) => {
      const value = valueOf(parameter.schema ?? {}, parameter.name).map((each) =>
        typeof each === 'string' ? each : JSON.stringify(each),
      );
      return parameter.in === 'path' ? value : fc.option(value, { freq: 1 });
    }),
  );
  const schema = requestBody?.content['application/json']?.schema;
  const body = schema
    ? fc.oneof(
        { weight: 30, arbitrary: valueOf(schema).map((each) => JSON.stringify(each)) },
        { weight: 1, arbitrary: fc.string() },
      )
    : fc.constant(undefined);
  return fc.record({ values, body }).map(({ values: given, body: sent }) => {
    let { path } = route;
    const query: string[] = [];
    for (const [index, { name, in: where }] of parameters.entries()) {
      const value = given[index];
      if (value == null) continue;
      if (where === 'path') path = path.replace(`{${name}}`, encodeSafely(value) || '%20');
      else if (where === 'query') query.push(`${name}=${encodeSafely(value)}`);
    }
    return { route, path: query.length > 0 ? `${path}?${query.join('&')}` : path, body: sent };
  });
}

/** Half a surrogate pair is nothing that UTF-8 has. */
function encodeSafely(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  return encoded === '.' || encoded === '..' ? `%2e${encoded.slice(1)}` : encoded;
}

async function removePorts(): Promise<void> {
  const { ports } = (await get<{ ports: { name: string }[] }>('/v1/ports')).body;
  for (const { name } of ports) await send('DELETE', `/v1/ports/${encodeURIComponent(name)}`);
}

function expectDocumented({ route, path, body }: Case, reply: Reply, validator: Validator): void {
  const what = `${route.method} ${path} ${body ?? ''} -> ${reply.status} ${reply.text.slice(0, 500)}`;
  expect(reply.status, what).not.toBe(500);
  const answer = route.operation.responses[reply.status];
  // What no longer fits the route's path is another route's, or none.
  if (!answer) return expect([404, 405], what).toContain(reply.status);
  const schema = answer.content?.['application/json']?.schema;
  if (schema) expect(validator.problem(schema, reply.body), what).toBeNull();
  else if (!answer.content) expect(reply.text, what).toBe('');
}

test(
  `${CASES} requests from the document: no fault, and nothing that the document does not name`,
  { timeout: 1_200_000 },
  async () => {
    const validator = new Validator(document);
    // An event stream does not end.
    const routes = routesOf(document).filter(({ path }) => path !== '/v1/events');
    const statuses: Record<number, number> = {};
    let done = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...routes).chain((route) => caseOf(route)),
        async (each) => {
          if (++done % CASES_PER_TIDY === 0) await removePorts();
          const reply = await send(each.route.method, each.path, each.body);
          statuses[reply.status] = (statuses[reply.status] ?? 0) + 1;
          expectDocumented(each, reply, validator);
        },
      ),
      { numRuns: CASES, endOnFailure: true },
    );
    console.log(`${done} requests; by status: ${JSON.stringify(statuses)}`);
    for (const status of [200, 201, 204, 400, 404]) expect(statuses[status], String(status)).toBeGreaterThan(0);
    await removePorts();
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(log).not.toMatch(/Error|hung|threw/);
  },
);

const BAD_NAMES = [
  ['a slash', 'a/b'],
  ['a path', '../../etc/x'],
  ['two dots', '..'],
  ['one dot', '.'],
  ['a line break', 'a\nb'],
  ['a null', 'a\0b'],
  ['16 bytes', 'abcdefghijklmnop'],
  ['16 bytes in 8 letters', 'éééééééé'],
  ['white space', 'a b'],
  ['a percent sign', 'tap%d'],
  ['nothing', ''],
  ['a colour', '\u001b[31m'],
] as const;
const SHELL_NAMES = ['$(touch pwned)', '`id`', 'a;id', 'a|id', "a'b", 'a"b', 'a&b', '-all', 'x>y', '日本'];

/** Names in each place that takes one; `netns` may be a path, and a name there may be longer. */
const PLACES: [string, (name: string) => object, readonly string[]][] = [
  [
    'name',
    (name) => ({ name, kind: 'veth', netns: 'n9', createNetns: true }),
    [
      ...BAD_NAMES.map(([, name]) => name).filter((name) => name.length !== 16),
      ...SHELL_NAMES.filter((name) => name !== '-all'),
    ],
  ],
  [
    'ifname',
    (ifname) => ({ name: 'bad', kind: 'veth', netns: 'n9', createNetns: true, ifname }),
    BAD_NAMES.map(([, name]) => name),
  ],
  ['netdev', (netdev) => ({ name: 'bad', kind: 'packet', netdev }), BAD_NAMES.map(([, name]) => name)],
  [
    'netns',
    (netns) => ({ name: 'bad', kind: 'veth', netns, createNetns: true }),
    ['a/b', '../../etc/x', '..', '.', 'a\nb', 'a\0b', '', 'a b', '\u001b[31m', 'x'.repeat(256), ...SHELL_NAMES],
  ],
];

test.each(PLACES)(
  'names that mean something elsewhere, as %s: 400, no file, no process',
  async (_, requestOf, names) => {
    await removePorts();
    const before = readFileSync(calls, 'utf8');
    for (const name of names) {
      const [status, code] = await refusal(post('/v1/ports', requestOf(name)));
      expect([status, code], JSON.stringify(name)).toEqual([400, 'BAD_REQUEST']);
    }
    expect(readFileSync(calls, 'utf8')).toBe(before);
    expect((await get<{ ports: unknown[] }>('/v1/ports')).body.ports).toEqual([]);
  },
);
