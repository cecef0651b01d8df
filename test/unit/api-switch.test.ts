/** The MAC table, the switch's settings, its counters and explanations over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import type { DropView, FdbPage } from '../../src/control/model.ts';
import { apiClient, refusal } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-api-'));
const socket = join(folder, 'api.sock');
const { send, get, post, patch } = apiClient(socket);
const ENTRIES = Array.from({ length: 25 }, (_, index) => ({
  mac: `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`,
  vlan: index < 5 ? 20 : 10,
  port: 'red',
  kind: 'dynamic' as const,
  ageSeconds: index,
}));
let api: { close(): Promise<void> };

beforeAll(async () => {
  api = await serveApi(fakeControl(ENTRIES), { socket });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

describe('fdb', () => {
  test('pages with limit and cursor give every entry once', async () => {
    const seen: string[] = [];
    let path = '/v1/fdb?limit=7';
    for (;;) {
      const { body } = await get<FdbPage>(path);
      expect(body.total).toBe(ENTRIES.length);
      seen.push(...body.entries.map((entry) => entry.mac));
      if (body.nextCursor === null) break;
      path = `/v1/fdb?limit=7&cursor=${body.nextCursor}`;
    }
    expect(seen).toEqual(ENTRIES.map((entry) => entry.mac));
  });

  test('filters reach the switch', async () => {
    expect((await get<FdbPage>('/v1/fdb?vlan=20&port=red&kind=dynamic')).body.total).toBe(5);
    expect((await post('/v1/fdb/flush', { vlan: 20 })).body).toEqual({ removed: 5 });
  });

  test('flush without a body forgets everything', async () => {
    expect((await send('POST', '/v1/fdb/flush')).body).toEqual({ removed: 25 });
    expect((await send('POST', '/v1/fdb/flush', '')).body).toEqual({ removed: 25 });
    expect((await post('/v1/fdb/flush', {})).body).toEqual({ removed: 25 });
  });

  test.each([
    'limit=0',
    'limit=10001',
    'limit=1e2',
    'limit=',
    'vlan=4095',
    'vlan=x',
    'kind=given',
    'port=',
    'vln=1',
    'vlan=1&vlan=2',
  ])('refuses ?%s', async (query) => {
    const [status, code, message] = await refusal(get(`/v1/fdb?${query}`));
    expect([status, code]).toEqual([400, 'BAD_REQUEST']);
    expect(message).toMatch(
      query === 'vln=1' ? /unknown field "vln"; allowed: port, vlan/ : new RegExp(`^${query.split('=')[0]}: `),
    );
  });
});

describe('switch, vlans, stats', () => {
  test('have the shapes of the interface', async () => {
    expect((await get('/v1/vlans')).body).toEqual({ vlans: [{ vlan: 10, ports: [] }] });
    expect(Object.keys((await get<object>('/v1/stats')).body)).toEqual([
      'totals',
      'ports',
      'drops',
      'logics',
      'workers',
    ]);
    expect((await get('/v1/switch')).body).toEqual({
      ageingSeconds: 300,
      fdbLimit: 65_536,
      reservedAddresses: { forward: [], drop: [] },
      macMoveLimit: 100,
      macMoveHoldSeconds: 10,
      loopProtection: true,
      loopHoldSeconds: 60,
      busyPollMicros: 200,
      workers: 1,
      ffi: 'koffi',
      tapIo: 'io_uring',
      version: '0.0.0',
      state: { file: null, generation: 0, problems: [] },
    });
  });

  test('settings change one by one, and read-only ones say so', async () => {
    const forward = ['01:80:C2:00:00:0E', '01:80:c2:00:00:00', '01:80:c2:00:00:0e'];
    const { body } = await patch('/v1/switch', { reservedAddresses: { forward } });
    expect(body).toMatchObject({
      ageingSeconds: 300,
      reservedAddresses: { forward: ['01:80:c2:00:00:00', '01:80:c2:00:00:0e'], drop: [] },
    });
    expect((await refusal(patch('/v1/switch', { workers: 2 })))[2]).toMatch(
      /field "workers" is set when the daemon starts/,
    );
    expect((await refusal(patch('/v1/switch', { ageingSeconds: 9 })))[2]).toMatch(/from 10 to 1000000/);
    const outside = patch('/v1/switch', { reservedAddresses: { forward: ['01:80:c2:00:00:10'] } });
    expect((await refusal(outside))[2]).toMatch(/^reservedAddresses\.forward\.0: must be an address from/);
  });

  test('of the reserved addresses, the list that is not given stays', async () => {
    const forward = ['01:80:c2:00:00:0e'];
    const drop = ['01:80:c2:00:00:10', '01:80:c2:00:00:2f'];
    await patch('/v1/switch', { reservedAddresses: { forward, drop: [] } });
    const reservedAddresses = { forward, drop };
    expect((await patch('/v1/switch', { reservedAddresses: { drop } })).body).toMatchObject({ reservedAddresses });
    expect((await patch('/v1/switch', { reservedAddresses: { forward } })).body).toMatchObject({ reservedAddresses });
    expect((await patch('/v1/switch', { reservedAddresses: {} })).body).toMatchObject({ reservedAddresses });
    for (const mac of ['01:80:c2:00:00:0f', '01:80:c2:00:00:30', '01:80:c2:00:01:10']) {
      const [status, , message] = await refusal(patch('/v1/switch', { reservedAddresses: { drop: [mac] } }));
      expect([status, message]).toEqual([400, expect.stringMatching(/drop\.0: must be an address from .*10 to .*2f/)]);
    }
    expect((await refusal(patch('/v1/switch', { reservedAddresses: { keep: [] } })))[2]).toMatch(
      /unknown field "keep"; allowed: forward, drop/,
    );
  });

  test('limits and loop protection are set, and null is no limit', async () => {
    const settings = { macMoveLimit: null, macMoveHoldSeconds: 3600, loopProtection: false, loopHoldSeconds: 1 };
    expect((await patch('/v1/switch', settings)).body).toMatchObject(settings);
    expect((await patch('/v1/switch', { macMoveLimit: 1_000_000 })).body).toMatchObject({ macMoveLimit: 1_000_000 });
    const bad = { macMoveLimit: 0, macMoveHoldSeconds: null, loopProtection: 'no', loopHoldSeconds: 86_401 };
    const [status, , message] = await refusal(patch('/v1/switch', bad));
    expect(status).toBe(400);
    expect(message).toMatch(/macMoveLimit: .*or null for no limit; macMoveHoldSeconds: .*; loopProtection: .*; loop/);
  });
});

describe('given entries', () => {
  const mac = '02:00:00:00:01:01';
  const entry = (fields: object) => ({ mac, vlan: 30, port: 'giver', kind: 'static', ageSeconds: 0, ...fields });

  test('are made, replaced, listed by kind and removed', async () => {
    await post('/v1/ports', { name: 'giver', kind: 'veth', netns: 'a', vlan: 30 });
    const made = await post('/v1/fdb', { mac: mac.toUpperCase(), port: 'giver', kind: 'static' });
    expect([made.status, made.body]).toEqual([201, entry({})]);
    expect((await get<FdbPage>('/v1/fdb?kind=static')).body.entries).toEqual([entry({})]);
    expect((await post('/v1/fdb', { mac, port: 'giver' })).body).toEqual(entry({}));
    const sticky = await post('/v1/fdb', { mac, port: 'giver', vlan: 31, kind: 'sticky' });
    expect(sticky.body).toEqual(entry({ vlan: 31, kind: 'sticky' }));
    expect((await get<FdbPage>('/v1/fdb?kind=sticky')).body.entries).toEqual([sticky.body]);
    expect((await post('/v1/fdb/flush', { kind: 'sticky' })).body).toEqual({ removed: 1 });
    expect((await send('DELETE', `/v1/fdb/30/${mac.toUpperCase()}`)).status).toBe(204);
    const again = await refusal(send('DELETE', `/v1/fdb/30/${mac}`));
    expect(again).toEqual([404, 'FDB_ENTRY_NOT_FOUND', `there is no entry ${mac} in VLAN 30`]);
    expect((await send('DELETE', `/v1/fdb/31/${encodeURIComponent(mac)}`)).status).toBe(204);
    await send('DELETE', '/v1/ports/giver');
  });

  test.each([
    [{ mac, port: 'nobody' }, 404, /there is no port nobody/],
    [{ mac: '02:00:00:00:01', port: 'a' }, 400, /mac: must be a MAC address, like/],
    [{ port: 'a' }, 400, /mac: is missing/],
    [{ mac }, 400, /port: is missing/],
    [{ mac, port: 'a', vlan: 4095 }, 400, /vlan: must be/],
    [{ mac, port: 'a', kind: 'dynamic' }, 400, /kind: must be one of static, sticky/],
    [{ mac, port: 'a', ageSeconds: 1 }, 400, /field "ageSeconds" is only shown/],
    [{ mac, port: 'a', sticky: true }, 400, /unknown field "sticky"; allowed: mac, port, vlan, kind/],
  ])('%j is refused', async (body, status, sentence) => {
    const refused = await refusal(post('/v1/fdb', body));
    expect([refused[0], refused[2]]).toEqual([status, expect.stringMatching(sentence)]);
  });

  test.each(['/v1/fdb/0/02:00:00:00:00:01', '/v1/fdb/10/red', '/v1/fdb/10/02:00:00:00:00:01?all=1'])(
    'DELETE %s is refused',
    async (path) => expect((await refusal(send('DELETE', path))).slice(0, 2)).toEqual([400, 'BAD_REQUEST']),
  );
});

describe('drops and explanations', () => {
  test('drops have the last frames of each reason', async () => {
    const { status, body } = await get<{ drops: DropView[] }>('/v1/drops');
    expect([status, Object.keys(body)]).toEqual([200, ['drops']]);
    expect(body.drops[0]).toMatchObject({ reason: 'NOT_A_MEMBER', count: 4, samples: [{ port: 'red', length: 64 }] });
  });

  test('a frame is explained', async () => {
    await post('/v1/ports', { name: 'asked', kind: 'veth', netns: 'a' });
    const { status, body } = await post('/v1/explain', { port: 'asked', frame: 'ff ff:ff\nff' });
    expect([status, body]).toEqual([200, expect.objectContaining({ port: 'asked', summary: 'frame of 4 bytes' })]);
    await send('DELETE', '/v1/ports/asked');
    expect((await refusal(post('/v1/explain', { port: 'asked', frame: 'ff' })))[1]).toBe('PORT_NOT_FOUND');
  });

  test.each([
    [{ port: 'a' }, /frame: is missing/],
    [{ port: 'a', frame: [255] }, /frame: must be a frame in hex digits/],
    [{ port: 'a', frame: 'f'.repeat(200_000) }, /frame: .*characters at most/],
    [{ port: 'a', frame: 'ff', vlan: 1 }, /unknown field "vlan"; allowed: port, frame/],
  ])('what is no question is refused', async (body, sentence) => {
    const [status, , message] = await refusal(post('/v1/explain', body));
    expect([status, message]).toEqual([400, expect.stringMatching(sentence)]);
  });
});
