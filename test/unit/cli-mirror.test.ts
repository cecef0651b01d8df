/** The flags of a port's mirror. */
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

test('a mirror: set, changed in part, shown, and taken off', async () => {
  const mirrorAfter = async (...args: string[]): Promise<PortView['mirror']> => {
    const { stdout } = await tswitch(['port', ...args, '--json']);
    return (JSON.parse(stdout) as PortView).mirror;
  };
  const begin = ['add', 'watched', '--kind', 'veth', '--netns', 'watched', '--mirror-to', 'monitor'];
  const toMonitor = { port: 'monitor', file: null, direction: 'both', vlans: [], maxBytes: null };
  expect(await mirrorAfter(...begin)).toEqual(toMonitor);
  const received = ['--mirror-direction', 'rx', '--mirror-vlans', '10,20'];
  expect(await mirrorAfter('set', 'watched', ...received)).toEqual({
    ...toMonitor,
    direction: 'rx',
    vlans: [10, 20],
  });
  expect((await tswitch(['port', 'show', 'watched'])).stdout).toMatch(/^mirror +to monitor, rx, VLANs 10,20$/m);
  const file = ['--mirror-file', '/var/log/x.pcapng', '--mirror-max-size', '1G'];
  expect(await mirrorAfter('set', 'watched', ...file)).toMatchObject({ port: null, maxBytes: 2 ** 30, vlans: [] });
  expect(await mirrorAfter('set', 'watched', '--mirror', 'none')).toBeNull();
  const aimless = await tswitch(['port', 'set', 'watched', '--mirror-direction', 'tx']);
  expect([aimless.code, aimless.stderr]).toEqual([
    2,
    'tswitch: say where the copies go: --mirror-to PORT or --mirror-file FILE\n',
  ]);
  const both = await tswitch(['port', 'set', 'watched', '--mirror-to', 'a', '--mirror-file', '/b.pcapng']);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('cannot be used with')]);
  await tswitch(['port', 'rm', 'watched']);
});
