/** The configuration over HTTP and on the command line: what is wrong with a document, where in the file, and what is said. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { formatConfigFile, parseConfigFile } from '../../src/cli/config-file.ts';
import type { SwitchControl } from '../../src/control/model.ts';
import { apiClient } from '../support/api-client.ts';
import { cliRunner, commandRunner } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-config-'));
const socket = join(folder, 'api.sock');
const file = join(folder, 'lan.yaml');
const { send, get } = apiClient(socket);
const tswitch = commandRunner(socket);
/** With something to read on standard input. */
const piped = cliRunner(socket);
let control: SwitchControl;
let api: { close(): Promise<void> };

beforeEach(async () => {
  control = fakeControl();
  api = await serveApi(control, { socket });
});
afterEach(async () => {
  await api.close();
  await control.close();
  rmSync(file, { force: true });
});

afterAll(() => rmSync(folder, { recursive: true }));

const red = { name: 'red', kind: 'veth', netns: 'red' };
const put = (document: unknown, query = '') =>
  send<{ error: { code: string; details: { path: string; message: string }[] } }>(
    'PUT',
    `/v1/config${query}`,
    JSON.stringify(document),
  );

describe('problems', () => {
  test.each<[string, object, [string, RegExp][]]>([
    ['no ports', {}, [['/ports', /is missing/]]],
    [
      'shape and meaning in one go',
      {
        ports: [
          { ...red, vlan: 0 },
          { ...red, name: 'b', kind: 'packet' },
        ],
        fdb: [
          { mac: 'x', port: 'red' },
          { mac: '02:00:00:00:00:01', port: 'c' },
        ],
      },
      [
        ['/ports/0/vlan', /whole number from 1 to 4094/],
        ['/fdb/0/mac', /MAC address/],
        ['/ports/1/netns', /not for kind packet/],
        ['/ports/1/netdev', /needs the name of the netdev/],
        ['/fdb/1/port', /there is no port c/],
      ],
    ],
    [
      'all that is wrong with a port',
      { ports: [{ ...red, mac: 'ff:ff:ff:ff:ff:ff', ifname: 'a/b', mode: 'trunk', vlan: 5, offloads: ['tso4'] }] },
      [
        ['/ports/0/ifname', /no netdev name/],
        ['/ports/0/mac', /no unicast address/],
        ['/ports/0/vlan', /mode trunk has none/],
        ['/ports/0/offloads', /need csum/],
      ],
    ],
    [
      'twice',
      {
        ports: [
          red,
          red,
          { name: 'x', kind: 'packet', netdev: 'e0' },
          { name: 'y', kind: 'xdp', netdev: 'e0' },
          { ...red, name: 'z', netns: '/run/netns/red' },
        ],
      },
      [
        ['/ports/1/name', /port red is in the list already, as \/ports\/0/],
        ['/ports/3/netdev', /netdev e0 is in the list already, as \/ports\/2/],
        ['/ports/1/ifname', /interface eth0 in namespace red is in the list already/],
        ['/ports/4/ifname', /is in the list already, as \/ports\/0/],
      ],
    ],
    [
      'the name of an own end',
      { ports: [red, { name: 'x', kind: 'packet', netdev: 'tsw-red' }] },
      [['/ports/1/netdev', /port red makes a netdev of this name/]],
    ],
    ['memory', { ports: [{ name: 'm', kind: 'memory' }] }, [['/ports/0/kind', /tests and sandboxes only/]]],
    [
      'addresses',
      {
        ports: [
          { ...red, vlan: 10 },
          { ...red, name: 't', netns: 't', mode: 'trunk', trunks: [7] },
        ],
        fdb: [
          { mac: '01:00:5e:00:00:01', port: 'red' },
          { mac: '02:00:00:00:00:01', port: 'red', vlan: 11 },
          { mac: '02:00:00:00:00:01', port: 't' },
          { mac: '02:00:00:00:00:01', port: 't', vlan: 7 },
          { mac: '02:00:00:00:00:01', port: 't', vlan: 7, kind: 'sticky' },
        ],
      },
      [
        ['/fdb/0/mac', /no unicast address/],
        ['/fdb/1/vlan', /does not carry VLAN 11/],
        ['/fdb/2/vlan', /say which VLAN/],
        ['/fdb/4/mac', /given already, as \/fdb\/3/],
      ],
    ],
    [
      'too many addresses',
      { switch: { fdbLimit: 1 }, ports: [red], fdb: [1, 2].map((n) => ({ mac: `02:00:00:00:00:0${n}`, port: 'red' })) },
      [['/switch/fdbLimit', /2 entries are given, and fdbLimit is 1/]],
    ],
    [
      'unknown fields',
      { ports: [{ ...red, 'a/b': 1 }], more: 1 },
      [
        ['/ports/0', /unknown field "a\/b"/],
        ['', /unknown field "more"/],
      ],
    ],
  ])('%s', async (_, document, expected) => {
    const { status, body } = await put(document);
    expect([status, body.error.code]).toEqual([400, 'BAD_REQUEST']);
    expect(body.error.details.map(({ path }) => path).toSorted()).toEqual(expected.map(([path]) => path).toSorted());
    for (const [path, message] of expected) {
      const found = body.error.details.filter((problem) => problem.path === path).map((problem) => problem.message);
      expect(found.join('; ')).toMatch(message);
    }
    expect((await get<{ ports: unknown[] }>('/v1/ports')).body.ports).toEqual([]);
  });

  test('an empty body is refused', async () => {
    expect(await send('PUT', '/v1/config', '')).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST' } },
    });
  });

  test.each(['?dryRun=maybe', '?confirmWithin=0', '?confirmWithin=86401', '?more=1'])(
    '%s is refused',
    async (query) => {
      expect((await put({ ports: [] }, query)).status).toBe(400);
    },
  );
});

test('the ETag is of the document: the same document has the same', async () => {
  const empty = (await get('/v1/config')).headers.etag;
  expect(empty).toMatch(/^"[0-9a-f]{64}"$/);
  const { generation } = control.config();
  expect((await put({ ports: [red] })).headers.etag).not.toBe(empty);
  expect((await put({ ports: [] })).headers.etag).toBe(empty);
  expect(control.config().generation).toBe(generation + 2);
  await put({ ports: [] });
  expect(control.config().generation).toBe(generation + 2);
});

test('an entry of a VLAN that its port has left may stay, as it is', async () => {
  await put({ ports: [{ ...red, vlan: 10 }], fdb: [{ mac: '02:00:00:00:00:01', port: 'red' }] });
  await control.patchPort('red', { vlan: 20 });
  const { body } = await get('/v1/config');
  expect(await put(body)).toMatchObject({ status: 200, body: { actions: [] } });
});

describe('files', () => {
  const places = (text: string, ...paths: string[]): string[] => paths.map(parseConfigFile(text, 'f').placeOf);

  test('places in YAML and JSON; what is missing is shown where it should be', () => {
    const yaml = 'switch: {fdbLimit: 5}\nports:\n  - name: red\n    vlan: 10\n    "a/b": 1\n';
    expect(places(yaml, '', '/switch/fdbLimit', '/ports/0/vlan', '/ports/0/netns', '/ports/0/a~1b')).toEqual([
      'f:1:1',
      'f:1:20',
      'f:4:11',
      'f:3:5',
      'f:5:12',
    ]);
    expect(places('{\n "ports": [\n  {"vlan": 7}]}', '/ports/0/vlan')).toEqual(['f:3:12']);
  });

  test('a TPID and a MAC address need no quotes; a number that is to be a text is pointed at', () => {
    const { document, hintFor } = parseConfigFile(
      'ports: [{tpid: 0x88a8, mac: 02:00:00:00:00:01, netns: 4711, vlan: 5000, addresses: [7], learning: 1}]',
      'f',
    );
    expect(document).toMatchObject({ ports: [{ tpid: '0x88a8', mac: '02:00:00:00:00:01', netns: 4711 }] });
    expect(hintFor('/ports/0/netns')).toBe(' (if "4711" is meant as text, put it in quotes)');
    expect(hintFor('/ports/0/addresses/0')).toMatch(/"7"/);
    for (const field of ['mac', 'vlan', 'learning', 'none']) expect(hintFor(`/ports/0/${field}`), field).toBe('');
  });

  test.each([
    ['', /^f: must be a document with `ports`/],
    ['- 1', /must be a document/],
    ['a: 1\na: 2\n', /^f:2:1: .*unique/],
    ['ports: [', /^f:1:\d+: /],
    [
      `a: &a [x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(30)}]\nc: &c [${'*b,'.repeat(30)}]\nports: [${'*c,'.repeat(30)}]`,
      /alias/i,
    ],
  ])('%j is refused', (text, message) => expect(() => parseConfigFile(text, 'f')).toThrow(message));

  test('what is exported reads back as it was, texts that look like numbers too', () => {
    const document = { ports: [{ name: '123', tpid: '0x88a8', netns: '0x10', vlan: null, on: 'on', trunks: [1, 2] }] };
    expect(parseConfigFile(formatConfigFile(document), 'f').document).toEqual(document);
  });
});

describe('commands', () => {
  const YAML =
    'ports:\n  - {name: red, kind: veth, netns: red, vlan: 10}\nfdb:\n  - {mac: 02:00:00:00:00:01, port: red}\n';

  test('dry run, apply, nothing to do, export, apply of the export from standard input', async () => {
    writeFileSync(file, YAML);
    const dry = await tswitch(['apply', file, '--dry-run']);
    expect([dry.code, dry.stdout]).toEqual([
      0,
      '2 actions to do; nothing is changed yet:\n  port red (veth, eth0 in namespace red) is added\n  static address 02:00:00:00:00:01 in VLAN 10 is given to port red\n',
    ]);
    expect(control.ports()).toEqual([]);
    expect((await tswitch(['apply', file])).stdout).toMatch(/^2 actions done:\n/);
    expect((await tswitch(['apply', file])).stdout).toBe(`nothing to do: the switch is as ${file} says\n`);
    const exported = (await tswitch(['export'])).stdout;
    expect(exported).toMatch(/^switch:\n {2}ageingSeconds: 300\n/);
    const again = await piped(['apply', '-'], {}, exported);
    expect(again.stdout).toBe('nothing to do: the switch is as standard input says\n');
    expect((await tswitch(['export', '--json'])).stdout).toBe(`${(await get('/v1/config')).text}\n`);
    writeFileSync(file, 'ports: []');
    expect((await tswitch(['apply', file, '--dry-run'])).stdout).toBe(
      '1 action to do; nothing is changed yet:\n  port red (veth, eth0 in namespace red) is removed\n      cuts off: its host (namespace red) loses its link\n',
    );
  });

  test('problems are told with their places, line by line', async () => {
    writeFileSync(file, 'ports:\n  - name: red\n    kind: veth\n    netns: 12\n  - name: blue\n    kind: packet\n');
    const { code, stdout, stderr } = await tswitch(['apply', file]);
    expect([code, stdout, stderr.split('\n')]).toEqual([
      1,
      '',
      [
        'tswitch: 2 problems; nothing is changed',
        `${file}:4:12: /ports/0/netns must be a namespace (if "12" is meant as text, put it in quotes)`,
        `${file}:5:5: /ports/1/netdev kind packet needs the name of the netdev to attach to`,
        '',
      ],
    ]);
    const json = await tswitch(['apply', file, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'BAD_REQUEST', details: [{}, {}] } });
  });

  test('confirm', async () => {
    writeFileSync(file, YAML);
    const applied = await tswitch(['apply', file, '--confirm-within', '1m']);
    expect(applied.stdout).toMatch(/\n`tswitch confirm` keeps it; else it is taken back at \d{4}-[^\n]*Z\n$/);
    const other = await tswitch(['apply', file]);
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringMatching(/^tswitch: a configuration waits to be confirmed/),
    ]);
    expect((await tswitch(['confirm'])).stdout).toBe('confirmed: the configuration stays\n');
    expect((await tswitch(['confirm'])).code).toBe(1);
  });

  test.each([
    [['apply', file], 1, /cannot read the configuration: ENOENT/],
    [['apply'], 2, /missing required argument/],
    [['apply', '-', '--confirm-within', '0s'], 2, /Give a time/],
    [['apply', '-', '--confirm-within', '25h'], 2, /Give a time/],
    [['apply', '-', '--confirm-within', '1d'], 2, /Give a time/],
  ])('%j fails with code %i', async (args, code, message) => {
    const ended = await tswitch(args);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(message)]);
  });
});
