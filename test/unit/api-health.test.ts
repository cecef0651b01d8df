/** /metrics and /healthz: the format, bounded labels, the same numbers as elsewhere, and what counts as being unwell. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { apiClient } from '../support/api-client.ts';
import { fakeControl } from '../support/fake-control.ts';
import { parseMetrics } from '../support/metrics-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-health-'));
const socket = join(folder, 'api.sock');
const { get, post } = apiClient(socket);
const problems: string[] = [];
let api: { close(): Promise<void> };

beforeAll(async () => {
  api = await serveApi({ ...fakeControl(), problems: () => problems }, { socket });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

async function metrics() {
  const { status, headers, text } = await get('/metrics');
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return parseMetrics(text);
}

test('the parser of this test is strict', () => {
  const head = '# HELP a_total x\n# TYPE a_total counter\n';
  expect(parseMetrics(`${head}a_total{b="c\\"\\n,",d="\\\\"} 1\n`).get('a_total')?.samples).toEqual([
    { labels: { b: 'c"\n,', d: '\\' }, value: 1 },
  ]);
  for (const bad of [
    'a_total{b="c} 1\n',
    'a_total 1',
    'a_total x\n',
    'b 1\n',
    'a_total{b="c"d="e"} 1\n',
    'a_total 1\na_total 2\n',
  ]) {
    expect(() => parseMetrics(head + bad), bad).toThrow(/./);
  }
});

test('counters are those of /v1/stats, per port, and drops by reason', async () => {
  await post('/v1/ports', { name: 'a:b.c-D_', kind: 'veth', netns: 'a' });
  const families = await metrics();
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    families.get(name)?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
  expect(value('tswitch_received_frames_total')).toBe(7);
  expect(value('tswitch_forwarded_frames_total')).toBe(2);
  expect(value('tswitch_port_received_frames_total', { port: 'a:b.c-D_' })).toBe(3);
  expect(value('tswitch_port_sent_bytes_total', { port: 'a:b.c-D_' })).toBe(120);
  expect(value('tswitch_dropped_frames_total', { reason: 'NOT_A_MEMBER' })).toBe(4);
  expect(value('tswitch_port_dropped_frames_total', { port: 'a:b.c-D_', reason: 'NOT_A_MEMBER' })).toBe(4);
  expect(value('tswitch_port_state', { port: 'a:b.c-D_', state: 'up' })).toBe(1);
  expect(value('tswitch_port_state', { port: 'a:b.c-D_', state: 'lost' })).toBe(0);
  expect(value('tswitch_fdb_limit_entries')).toBe(65_536);
  expect(value('tswitch_worker_restarts_total', { worker: '0' })).toBe(0);
  expect(value('tswitch_memory_bytes', { kind: 'resident' })).toBeGreaterThan(1e7);
  expect(value('tswitch_event_loop_delay_seconds', { statistic: 'max' })).toBeLessThan(60);
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(families.get('tswitch_build_info')?.samples[0]?.labels).toEqual({
    version: '0.0.0',
    ffi: 'koffi',
    node: process.versions.node,
  });
  const labels = new Set(
    [...families.values()].flatMap(({ samples }) => samples.flatMap((each) => Object.keys(each.labels))),
  );
  expect([...labels].sort()).toEqual(
    ['ffi', 'kind', 'node', 'port', 'reason', 'state', 'statistic', 'version', 'worker'].sort(),
  );
});

test('/healthz says what is wrong, with a status that a probe understands', async () => {
  expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok', reasons: [] } });
  problems.push('worker 0 hangs and is being replaced');
  expect(await get('/healthz')).toMatchObject({ status: 503, body: { status: 'degraded', reasons: problems } });
  expect((await metrics()).get('tswitch_healthy')?.samples).toEqual([{ labels: {}, value: 0 }]);
  problems.pop();
});

test('loaded logics, with their own counters and drop reasons', async () => {
  await post('/v1/logic', { file: '/x/filter.ts' });
  const families = await metrics();
  const of = (name: string) => families.get(`tswitch_logic_${name}`)?.samples;
  const labels = { logic: 'filter', state: 'live' };
  expect(of('frames_total')).toEqual([{ labels, value: 1000 }]);
  expect(of('faults_total')).toEqual([{ labels, value: 1 }]);
  expect(of('dropped_frames_total')).toEqual([{ labels: { ...labels, reason: 'NOT_ALLOWED' }, value: 10 }]);
  expect(of('counter_total')).toEqual([{ labels: { ...labels, counter: 'seen' }, value: 5 }]);
});
