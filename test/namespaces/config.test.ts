/** The whole configuration over the real kernel: applied as a whole, refused as a whole, undone, confirmed, taken back. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { parseConfigFile } from '../../src/cli/config-file.ts';
import type { SwitchControl } from '../../src/control/model.ts';
import type { SwitchEvent } from '../../src/control/events.ts';
import type { Wish, WishRequest } from '../../src/control/wish/wish.ts';
import { apiClient, refusal } from '../support/api-client.ts';
import { type Host, ip, Lab, until } from '../support/lab.ts';

const lab = new Lab();
let lan: SwitchControl;
let a: Host;
let b: Host;
let api: ReturnType<typeof apiClient>;
beforeEach(async () => {
  lan = await lab.switch();
  a = await lab.netns('a');
  b = await lab.netns('b');
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-config-'));
  lab.defer(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'api.sock');
  const served = await serveApi(lan, { socket });
  lab.defer(() => served.close());
  api = apiClient(socket);
});
afterEach(() => lab.close());

function pair(fields: object = {}): WishRequest {
  return {
    ports: [
      { name: 'a', kind: 'veth', netns: a.name, addresses: ['10.57.0.1/24'] },
      { name: 'b', kind: 'tap', netns: b.name, addresses: ['10.57.0.2/24'], ...fields },
    ],
  };
}

const put = (document: object, query = '', headers: Record<string, string> = {}) =>
  api.send<{ actions: { do: string; text: string; cutsOff: string | null }[]; confirmUntil: string | null }>(
    'PUT',
    `/v1/config${query}`,
    JSON.stringify(document),
    { headers },
  );
const document = async (): Promise<Wish> => (await api.get<Wish>('/v1/config')).body;
const linkOf = async (host: Host): Promise<string> => host.run('ip', '-json', 'link', 'show', 'eth0');

test('applied as a whole; what it exports makes the same of an empty switch; what is there stays untouched', async () => {
  const { status, body } = await put(pair());
  expect([status, body.actions.map((action) => action.do)]).toEqual([200, ['add-port', 'add-port']]);
  expect(await a.pings('10.57.0.2')).toBe(true);
  const { mac } = lan.port('b');
  await lan.addFdb({ mac: mac!, port: 'b', kind: 'static' });
  const exported = await document();
  const link = await linkOf(a);
  expect((await put(exported)).body.actions).toEqual([]);
  expect((await put({ ...pair(), fdb: exported.fdb })).body.actions).toEqual([]);
  expect(await linkOf(a)).toBe(link);

  expect((await put({ ports: [] })).body.actions.map((action) => action.do)).toEqual(['remove-port', 'remove-port']);
  expect(lan.ports()).toEqual([]);
  await put(exported);
  expect(await document()).toEqual(exported);
  expect(await a.pings('10.57.0.2')).toBe(true);
});

test('a dry run tells what would be done and does nothing', async () => {
  await put(pair());
  const before = await document();
  const link = await linkOf(b);
  const { body } = await put(pair({ vlan: 20, kind: 'veth' }), '?dryRun=true');
  expect(body.actions).toMatchObject([
    { do: 'remove-port', cutsOff: expect.stringContaining(`its host (namespace ${b.name}) loses its link`) },
    { do: 'add-port', cutsOff: null },
  ]);
  expect(await document()).toEqual(before);
  expect(await linkOf(b)).toBe(link);
});

test('every problem is found before anything is touched', async () => {
  await put(pair());
  const before = await document();
  const [mine] = await lab.vethPair();
  await b.run('ip', 'link', 'add', 'eth9', 'type', 'veth', 'peer', 'name', 'eth8');
  const onlyKernel = await put({
    ports: [
      { name: 'p', kind: 'packet', netdev: mine },
      { name: 'q', kind: 'packet', netdev: 'tswt-none' },
      { name: 'r', kind: 'veth', netns: 'tswt-none' },
      { name: 's', kind: 'veth', netns: b.name, ifname: 'eth9' },
    ],
  });
  expect([onlyKernel.status, onlyKernel.body]).toMatchObject([
    422,
    {
      error: {
        code: 'CONFIG_REFUSED',
        details: [
          { path: '/ports/1/netdev', code: 'NETDEV_NOT_FOUND' },
          { path: '/ports/2/netns', code: 'NETNS_NOT_FOUND' },
          { path: '/ports/3/ifname', code: 'NETDEV_EXISTS' },
        ],
      },
    },
  ]);
  expect(await document()).toEqual(before);
  expect(await a.pings('10.57.0.2')).toBe(true);
});

test('an action that the kernel refuses half-way: everything is undone', async () => {
  await put(pair());
  await lan.addFdb({ mac: lan.port('b').mac!, port: 'b', kind: 'static' });
  const before = await document();
  // IPv6 addresses are refused there, which nobody can know before.
  const c = await lab.netns('c', { ipv6: false });
  const events: SwitchEvent[] = [];
  lab.defer(lan.events.subscribe((event) => events.push(event)));
  const failed = put({
    switch: { ageingSeconds: 60 },
    ports: [
      { name: 'b', kind: 'veth', netns: b.name, addresses: ['10.57.0.2/24'], vlan: 9 },
      { name: 'c', kind: 'veth', netns: c.name, addresses: ['fd00::3/64'] },
    ],
  });
  const [status, code, message] = await refusal(failed);
  expect([status, code]).toEqual([409, 'CONFIG_FAILED']);
  expect(message).toMatch(
    /^action 5 of 5 failed \(port c .* is added\): .*; everything done before was undone, and nothing is changed; made anew, with their links down for a moment: a, b$/,
  );
  expect(await document()).toEqual(before);
  expect(await c.run('ip', '-json', 'link')).not.toContain('eth0');
  expect(await a.pings('10.57.0.2')).toBe(true);
  expect(events.map(({ event }) => event)).not.toContain('config.applied');
});

test('confirmed in time it stays; until then nothing else is changed', async () => {
  await put(pair());
  const { body } = await put(pair({ isolated: true }), '?confirmWithin=60');
  expect(Date.parse(body.confirmUntil ?? '')).toBeGreaterThan(Date.now());
  expect(lan.config().pending?.previous.ports[1]).toMatchObject({ name: 'b', isolated: false });
  expect((await refusal(api.patch('/v1/ports/a', { isolated: true })))[1]).toBe('CONFIRMATION_PENDING');
  expect((await refusal(put(pair())))[1]).toBe('CONFIRMATION_PENDING');
  expect((await put(pair(), '?dryRun=true')).status).toBe(200);
  expect((await api.send('POST', '/v1/fdb/flush')).status).toBe(200);
  expect((await api.send('POST', '/v1/config/confirm')).status).toBe(204);
  expect((await refusal(api.send('POST', '/v1/config/confirm')))[1]).toBe('NOTHING_TO_CONFIRM');
  expect(lan.port('b').isolated).toBe(true);
  expect((await api.patch('/v1/ports/a', { isolated: true })).status).toBe(200);
});

test('not confirmed in time it is taken back, also a namespace that is gone meanwhile', async () => {
  await put(pair());
  const before = await document();
  const events: SwitchEvent[] = [];
  lab.defer(lan.events.subscribe((event) => events.push(event)));
  await put({ ports: pair().ports.slice(0, 1), switch: { ageingSeconds: 60 } }, '?confirmWithin=1');
  expect(lan.ports().map(({ name }) => name)).toEqual(['a']);
  b.release();
  await ip('netns', 'del', b.name);
  await until('it is taken back', () => events.some(({ event }) => event === 'config.rolled-back'));
  expect(lan.config().pending).toBeNull();
  expect(await document()).toEqual(before);
  expect(lan.port('b').state).toBe('lost');
  await ip('netns', 'add', b.name);
  await until('b is back', () => lan.port('b').state === 'up');
  expect(await a.pings('10.57.0.2')).toBe(true);
});

test('of two writers the second is told, and reads again', async () => {
  await put(pair());
  const { headers, body } = await api.get<Wish>('/v1/config');
  const tag = String(headers.etag);
  const mine = { ...body, switch: { ...body.switch, ageingSeconds: 60 } };
  const theirs = await put(pair({ vlan: 5 }), '', { 'if-match': tag });
  expect(theirs.status).toBe(200);
  expect(theirs.headers.etag).toBe((await api.get('/v1/config')).headers.etag);
  expect(await refusal(put(mine, '', { 'if-match': tag }))).toMatchObject([412, 'CONFIG_CHANGED', expect.anything()]);
  expect(lan.settings().ageingSeconds).toBe(300);
  expect((await put(mine, '', { 'if-match': `"x", ${String(theirs.headers.etag)}` })).status).toBe(200);
  // At the same time: one of them wins.
  const present = String((await api.get('/v1/config')).headers.etag);
  const both = await Promise.all(
    [61, 62].map((ageingSeconds) => put({ ...mine, switch: { ageingSeconds } }, '', { 'if-match': present })),
  );
  expect(both.map(({ status }) => status).toSorted((x, y) => x - y)).toEqual([200, 412]);
});

test('the worked example of the docs works', async () => {
  const page = readFileSync(new URL('../../docs/howto/configuration.md', import.meta.url), 'utf8');
  const yaml = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '';
  const file = join(mkdtempSync(join(tmpdir(), 'tswitch-howto-')), 'lan.yaml');
  lab.defer(() => rmSync(join(file, '..'), { recursive: true }));
  writeFileSync(file, yaml);
  const text = readFileSync(file, 'utf8')
    .replaceAll('netns: red', `netns: ${a.name}`)
    .replaceAll('netns: blue', `netns: ${b.name}`);
  expect((await put(parseConfigFile(text, file).document)).status).toBe(200);
  expect(await a.pings('10.0.0.2')).toBe(true);
});
