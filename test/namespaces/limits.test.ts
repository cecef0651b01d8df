/** Where the machine has no more to give: the disk, descriptors. Forwarding goes on, the API says so, and what is kept is whole. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PortView, SwitchView } from '../../src/control/model.ts';
import { TswitchError } from '../../src/control/errors.ts';
import { SILENT } from '../../src/control/log.ts';
import { SETTINGS_DEFAULT } from '../../src/control/settings.ts';
import { Store } from '../../src/control/store/store.ts';
import { refusal } from '../support/api-client.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, Lab, runProgram } from '../support/lab.ts';

const lab = new Lab();
let a: Host;
let b: Host;
let daemon: Daemon;
beforeEach(async () => {
  a = await lab.netns('a');
  b = await lab.netns('b');
  daemon = new Daemon(lab);
});
afterEach(() => lab.close());

async function plug(host: Host, address: string): Promise<void> {
  const request = { name: host.name, kind: 'veth', netns: host.name, addresses: [address] };
  expect((await daemon.api.post('/v1/ports', request)).status).toBe(201);
  host.solicitPatiently();
  await host.connected();
}

/** A file system of its own, so small that a file fills it. */
async function smallDisk(size: string): Promise<string> {
  const place = join(daemon.folder, 'disk');
  await runProgram('mkdir', [place]);
  await runProgram('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', place]);
  lab.defer(() => runProgram('umount', ['-l', place]));
  return place;
}

function fill(place: string): string {
  const file = join(place, 'ballast');
  for (let bytes = 65_536; bytes >= 1024; bytes /= 2) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // That was too much; a smaller piece may fit.
    }
  }
  return file;
}

test('disk full: changes are refused, frames and answers go on, and the state is whole', async () => {
  const place = await smallDisk('2m');
  const state = join(place, 'state.db');
  await daemon.start('--state', state);
  await plug(a, '10.60.0.1/24');
  await plug(b, '10.60.0.2/24');
  const ballast = fill(place);
  const before = (await daemon.api.get('/v1/config')).body;
  const [status, code, message] = await refusal(daemon.api.patch('/v1/switch', { ageingSeconds: 50 }));
  expect([status, code]).toEqual([507, 'STATE_FULL']);
  expect(message).toContain('make room there');
  for (const [method, path] of [
    ['DELETE', `/v1/ports/${a.name}`],
    ['PUT', '/v1/config'],
  ] as const) {
    const body = method === 'PUT' ? JSON.stringify({ ports: [] }) : undefined;
    expect((await refusal(daemon.api.send(method, path, body))).slice(0, 2)).toEqual([507, 'STATE_FULL']);
  }
  expect((await daemon.api.get('/v1/config')).body).toEqual(before);
  expect(await a.pings('10.60.0.2')).toBe(true);

  // A daemon that has to start on a full disk does so with what it kept.
  await daemon.kill();
  await daemon.start('--state', state);
  expect((await daemon.api.get('/v1/config')).body).toEqual(before);
  expect(await a.pings('10.60.0.2')).toBe(true);
  rmSync(ballast);
  expect((await daemon.api.patch('/v1/switch', { ageingSeconds: 50 })).status).toBe(200);
  expect((await daemon.api.get<SwitchView>('/v1/switch')).body.state.problems).toEqual([]);
});

test('a disk that fills up in the middle of a change: the generation before is still whole', async () => {
  const place = await smallDisk('1m');
  const path = join(place, 'state.db');
  const kept = (generation: number, boot: string) => ({
    instance: 'c0ffee',
    generation,
    time: '',
    boot,
    wish: { switch: SETTINGS_DEFAULT, ports: [], fdb: [] },
    pending: null,
    namespaces: [],
  });
  const store = Store.open(path, { log: SILENT });
  store.save(kept(1, 'small'));
  const large = (): void => store.save(kept(2, 'x'.repeat(2_000_000)));
  expect(large).toThrow(TswitchError);
  expect(large).toThrow(expect.objectContaining({ code: 'STATE_FULL' }));
  expect(store.problem).toContain('make room');
  store.save(kept(2, 'small again'));
  expect(store.problem).toBe(null);
  store.close();
  const again = Store.open(path, { log: SILENT });
  expect(again.kept).toEqual(kept(2, 'small again'));
  expect(again.notices).toEqual([]);
  again.close();
  expect(readdirSync(place).toSorted()).toEqual(['state.db', 'state.db.last-good']);
});

test('no descriptors left: ports are refused, frames and answers go on', async () => {
  daemon.prefix = ['prlimit', '--nofile=96:96'];
  await daemon.start();
  await plug(a, '10.60.0.1/24');
  await plug(b, '10.60.0.2/24');
  const added: string[] = [];
  let refused: [number, string, string] | null = null;
  for (let k = 0; !refused && k < 64; k++) {
    const request = { name: `p${k}`, kind: k % 2 === 0 ? 'veth' : 'tap', netns: a.name, ifname: `p${k}` };
    const reply = await daemon.api.post('/v1/ports', request);
    if (reply.status === 201) added.push(request.name);
    else refused = await refusal(Promise.resolve(reply));
  }
  expect(refused?.slice(0, 2)).toEqual([507, 'LIMIT_REACHED']);
  expect(refused?.[2]).toContain('open files');
  expect(await a.pings('10.60.0.2')).toBe(true);
  const names = async (): Promise<string[]> =>
    (await daemon.api.get<{ ports: PortView[] }>('/v1/ports')).body.ports.map(({ name }) => name);
  expect(await names()).toEqual([a.name, b.name, ...added]);
  const left = added.pop()!;
  expect((await daemon.api.send('DELETE', `/v1/ports/${left}`)).status).toBe(204);
  expect((await daemon.api.post('/v1/ports', { name: left, kind: 'tap', netns: b.name, ifname: left })).status).toBe(
    201,
  );
  await daemon.stop();
  daemon.prefix = [];
  await daemon.start();
  expect((await names()).toSorted()).toEqual([a.name, b.name, ...added, left].toSorted());
});
