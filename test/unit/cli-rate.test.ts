/** The flags of a port's limits of bandwidth. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import type { PortView } from '../../src/control/model.ts';
import { commandRunner } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-cli-'));
const socket = join(folder, 'api.sock');
const tswitch = commandRunner(socket);
let api: { close(): Promise<void> };

beforeAll(async () => {
  api = await serveApi(fakeControl(), { socket });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

test('limits: given in any spelling, shown in one, taken off with their burst', async () => {
  const viewAfter = async (...args: string[]): Promise<PortView> => {
    const { stdout } = await tswitch([...args, '--json']);
    return JSON.parse(stdout) as PortView;
  };
  const none = { ingressRate: null, ingressBurst: null, egressRate: null, egressBurst: null };
  expect(await viewAfter('plug', 'slow', '--egress-rate', '12500kbps')).toMatchObject({
    ...none,
    egressRate: '100mbit',
  });
  const both = ['--ingress-rate', '1.5Mbit', '--egress-burst', '131072'];
  expect(await viewAfter('port', 'set', 'slow', ...both)).toMatchObject({
    ...{ ingressRate: '1500kbit', ingressBurst: null, egressRate: '100mbit', egressBurst: '128kb' },
  });
  const shown = (await tswitch(['port', 'show', 'slow'])).stdout;
  expect(shown).toMatch(/^ingress rate +1500kbit, burst 80kb\negress rate +100mbit, burst 128kb$/m);
  expect((await tswitch(['export'])).stdout).toMatch(/^ +ingressRate: 1500kbit\n +ingressBurst: null\n/m);
  const off = ['--ingress-rate', 'none', '--egress-rate', 'none'];
  expect(await viewAfter('port', 'set', 'slow', ...off)).toMatchObject(none);
});

test('what is no rate is wrong usage; what is no limit the daemon says', async () => {
  const typo = await tswitch(['port', 'set', 'slow', '--egress-rate', '100mb']);
  expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining('Give a rate as tc does, like 100mbit')]);
  const size = await tswitch(['port', 'set', 'slow', '--egress-burst', 'big']);
  expect([size.code, size.stderr]).toEqual([2, expect.stringContaining('Give a size as tc does, like 64kb')]);
  const zero = await tswitch(['port', 'set', 'slow', '--egress-rate', '0']);
  expect([zero.code, zero.stderr]).toEqual([1, expect.stringMatching(/egressRate: must be from 8kbit to 1tbit/)]);
});
