/** What a configuration's networks mean for those that there are, and that a document is applied to them and the switch, or to none. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Api, serveApi } from '../../src/api/server.ts';
import { SILENT } from '../../src/control/log.ts';
import { parseSubnet } from '../../src/networks/addresses/subnet.ts';
import { planNetworks, wishedNetworks } from '../../src/networks/config/plan.ts';
import { firstDocument, memoryStore } from '../../src/networks/document.ts';
import type { NetworkRecord, NetworkRequest } from '../../src/networks/model.ts';
import { gatewayIfname } from '../../src/networks/names.ts';
import { normalizeNetworkRequest, normalizeSubnet } from '../../src/networks/network-request.ts';
import { newNetwork } from '../../src/networks/new-network.ts';
import { Networks } from '../../src/networks/networks.ts';
import { apiClient, refusal } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';

const FIRST = firstDocument(4094, [normalizeSubnet({ subnet: '172.17.0.0/16' })]);
const AROUND = { routes: [], vlans: [1], ipv6Prefix: 'fd00:1:2' };

/** Networks that were made one after the other. */
function made(...requests: NetworkRequest[]): NetworkRecord[] {
  return requests.reduce(
    (networks, request) => [...networks, newNetwork(normalizeNetworkRequest(request), { ...AROUND, networks })],
    FIRST.networks,
  );
}

function withMember(network: NetworkRecord, name: string): NetworkRecord {
  const place = { id: name, name, netns: name, ifname: 'eth0', mac: '', addresses: [], isDefaultRoute: false };
  return { ...network, endpoints: [{ ...place, aliases: [], links: [], published: [], remembered: null }] };
}

function plan(networks: NetworkRecord[], wanted: NetworkRequest[], around: Partial<typeof AROUND> = {}) {
  const { problems, actions, networks: after } = planNetworks(wanted, { ...AROUND, ...around, networks });
  return { problems, texts: actions.map(({ text }) => text), after };
}

const web: NetworkRequest = { name: 'web', subnets: [{ subnet: '10.1.0.0/24' }], vlan: 20, labels: { b: '2', a: '1' } };

test('what is exported means the same, and as little as needs be written is enough', () => {
  const networks = made(web, { name: 'dual', ipv6: true }, { name: 'chosen' });
  const document = wishedNetworks(networks);
  expect(document.map(({ name }) => name)).toEqual(['chosen', 'dual', 'web']);
  expect(plan(networks, document)).toMatchObject({ problems: [], texts: [], after: networks });
  expect(plan(networks, [web, { name: 'dual', ipv6: true }, { name: 'chosen' }])).toMatchObject({ texts: [] });
  const elsewhere = plan(FIRST.networks, document);
  expect(wishedNetworks(elsewhere.after)).toEqual(document);
});

test('what comes, goes and changes', () => {
  const networks = made(web, { name: 'old', vlan: 30, subnets: [{ subnet: '10.2.0.0/24' }] }, { name: 'other' });
  const { problems, texts, after } = plan(networks, [
    { ...web, labels: { a: '9' } },
    { name: 'new', vlan: 30, subnets: [{ subnet: '10.2.0.0/16' }] },
    { name: 'other', mtu: 1400 },
  ]);
  expect(problems).toEqual([]);
  expect(texts).toEqual([
    'network other is removed',
    'network old is removed',
    'network web: its labels are changed',
    'network new (VLAN 30, 10.2.0.0/16) is added',
    'network other (VLAN 4093, 172.18.0.0/16) is added',
  ]);
  expect(after.map(({ name }) => name)).toEqual(['bridge', 'host', 'none', 'web', 'new', 'other']);
  expect(after[3]).toEqual({ ...networks[3], labels: { a: '9' } });
});

test('a network that goes is in nobody’s way, nor is its gateway', () => {
  const networks = made(web);
  const { id } = networks.at(-1)!;
  const route = { subnet: parseSubnet('10.1.0.0/24', ''), by: 'a route', dev: gatewayIfname(id) };
  const wanted = [{ ...web, isolated: true }];
  expect(plan(networks, wanted, { routes: [route] as never })).toMatchObject({ problems: [] });
  const others = { ...route, dev: 'eth0' };
  expect(plan(networks, wanted, { routes: [others] as never }).problems).toMatchObject([{ code: 'SUBNET_OVERLAPS' }]);
});

test('everything that is wrong is told, with its place', () => {
  const networks = made(web, { name: 'used' }, { name: 'gone' });
  const [used, gone] = networks.slice(-2).map((network) => withMember(network, `m-${network.name}`));
  const { problems } = plan(
    [...networks.slice(0, -2), used!, gone!],
    [
      web,
      web,
      { name: 'used', internal: true },
      { name: 'bridge' },
      { name: 'a', vlan: 20 },
      { name: 'b', subnets: [{ subnet: '10.1.0.0/16' }] },
      { name: 'c', mtu: 5 },
    ],
  );
  expect(problems.map(({ path, code, message }) => [path, code, message])).toEqual([
    ['/networks/1/name', 'BAD_REQUEST', expect.stringContaining('in the list already, as /networks/0')],
    ['/networks/3/name', 'BAD_REQUEST', expect.stringContaining('exists always')],
    ['/networks/6/mtu', 'BAD_REQUEST', expect.stringContaining('from 68 to 9000')],
    ['/networks', 'NETWORK_IN_USE', expect.stringMatching(/gone.*cannot be removed: disconnect m-gone first/)],
    ['/networks/2', 'NETWORK_IN_USE', expect.stringMatching(/made anew \(internal\): disconnect m-used first/)],
    ['/networks/4', 'VLAN_IN_USE', expect.stringContaining('network web')],
    ['/networks/5', 'SUBNET_OVERLAPS', expect.stringContaining('network web')],
  ]);
});

describe('/v1/config with networks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-config-'));
  const { get, post, send } = apiClient(join(folder, 'api.sock'));
  let api: Api;
  beforeEach(async () => {
    const control = fakeControl();
    const networks = await Networks.start({ control, store: memoryStore(), log: SILENT });
    api = await serveApi(control, { socket: join(folder, 'api.sock'), networks });
  });
  afterEach(() => api.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  const put = (document: object, query = '', headers: Record<string, string> = {}) =>
    send<{ actions: { do: string; port: string | null; text: string }[] }>(
      'PUT',
      `/v1/config${query}`,
      JSON.stringify(document),
      { headers },
    );
  const document = async () => (await get<{ networks: NetworkRequest[] }>('/v1/config')).body;
  const red = { name: 'red', kind: 'veth', netns: 'red' };

  test('shown, tried, applied, and left alone where they are left out', async () => {
    await post('/v1/networks', { name: 'old' });
    const before = await document();
    const wanted = { ports: [red], networks: [web] };
    const dry = await put(wanted, '?dryRun=true');
    expect(await document()).toEqual(before);
    const done = await put(wanted);
    expect([done.status, done.body.actions]).toEqual([200, dry.body.actions]);
    expect(done.body.actions.map(({ do: what, port }) => [what, port])).toEqual([
      ['add-port', 'red'],
      ['remove-network', null],
      ['add-network', null],
    ]);
    const after = await get<{ networks: NetworkRequest[] }>('/v1/config');
    expect(after.body.networks).toMatchObject([{ name: 'web', vlan: 20, labels: web.labels }]);
    expect(done.headers['etag']).toBe(after.headers['etag']);
    expect((await put(after.body)).body.actions).toEqual([]);
    expect((await put({ ports: [] })).status).toBe(200);
    expect((await document()).networks).toHaveLength(1);
  });

  test('the tag names networks too', async () => {
    const tag = String((await get('/v1/config')).headers['etag']);
    await post('/v1/networks', { name: 'other' });
    const refused = await refusal(put({ ports: [], networks: [] }, '', { 'if-match': tag }));
    expect(refused.slice(0, 2)).toEqual([412, 'CONFIG_CHANGED']);
    const now = String((await get('/v1/config')).headers['etag']);
    expect((await put({ ports: [], networks: [] }, '', { 'if-match': now })).status).toBe(200);
  });

  test('as a whole or not at all: what one part has against it holds up the other, and both are told', async () => {
    const before = await document();
    const wrong = { ...red, mode: 'trunk', vlan: 5 };
    const bad = { ports: [wrong], networks: [web, { ...web, name: 'b' }] };
    const [, code, message] = await refusal(put(bad));
    expect(code).toBe('BAD_REQUEST');
    for (const part of ['/ports/0/vlan', '/networks/1']) expect(message).toContain(part);
    expect((await refusal(put({ ports: [wrong], networks: [web] })))[0]).toBe(400);
    const waiting = refusal(put({ ports: [], networks: [web] }, '?confirmWithin=60'));
    expect(await waiting).toEqual([400, 'BAD_REQUEST', expect.stringContaining('--confirm-within')]);
    expect(await document()).toEqual(before);
  });
});
